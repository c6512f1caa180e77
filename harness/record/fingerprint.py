"""The fingerprint of a run: the state of the files and packages that its commands use.

It is kept when the run begins, which can be resumed only as long as they are the same.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from pydantic import Field

from harness.record.trial import RecordPart
from harness.text import Printable

# Files that servers write as they run, by their names below the working folder or anywhere. A change of such a file may
# change the server, but need not.
WRITTEN_BY_SERVERS: Final = re.compile(
    r"([^/]+/)*(tmp|logs?|sessions|uploads)/.*"
    r"|(.*/)?([^/]*\.(log|log\.\d+|out|err|pid|sock|tmp|swp|(db|sqlite3?)(-wal|-shm|-journal)?))"
)


class FileState(NamedTuple):
    """The state of one file. ``sha256`` is the digest of its content, None where the file was too large to be read."""

    size_bytes: int
    modified_ns: int
    sha256: str | None

    def differs_from(self, now: "FileState") -> bool:
        """Return whether the file was changed, as far as is known: by the digests, or else by size and time."""
        if self.sha256 and now.sha256:
            return self.sha256 != now.sha256
        return (self.size_bytes, self.modified_ns) != (now.size_bytes, now.modified_ns)


class Fingerprint(RecordPart):
    """The state of the files and packages that the commands of a run use.

    ``files`` are the programs, the files that commands and environments name, and the trees in which the commands run.
    ``packages`` are the installed packages of each Python among the programs, with a digest of the state of each.
    ``unseen`` are the folders of which only a part was read, ``outputs`` the files to which the harness's own output
    goes. ``run_folder_sha256`` are the digests of files of the run folder itself, by name.
    """

    files: dict[Printable, FileState]
    packages: dict[Printable, str]
    unseen: list[Printable]
    outputs: list[Printable]
    run_folder_sha256: dict[str, str] = Field(default_factory=dict)

    def changes(self, now: "Fingerprint") -> Iterator[str]:
        """Yield the names of files and packages that are changed, gone or new."""
        unseen, outputs = {*self.unseen, *now.unseen}, {*self.outputs, *now.outputs}
        for before, after in ((self.files, now.files), (self.packages, now.packages)):
            for name in sorted((before.keys() | after.keys()) - outputs):
                one, other = before.get(name), after.get(name)
                if one is None or other is None:
                    if not any(_is_in(folder, name) for folder in unseen):
                        yield name
                elif _differs(one, other):
                    yield name


def _is_in(folder: str, name: str) -> bool:
    """Return whether the file of this name is in the folder; ``.`` is the one that relative names start from."""
    return not name.startswith("/") if folder == "." else name.startswith(f"{folder.rstrip('/')}/")


def _differs(one: FileState | str, other: FileState | str) -> bool:
    if isinstance(one, FileState) and isinstance(other, FileState):
        return one.differs_from(other)
    return one != other
