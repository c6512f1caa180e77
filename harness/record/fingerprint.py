"""What the commands of a run would run: kept when it begins, so that it is gone on with only as long as that is so."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from pydantic import Field

from harness.record.trial import RecordPart
from harness.text import Printable

# Files that are written as servers run, by their names below the working folder or anywhere. One of them that has
# changed need not make another server, and may.
WRITTEN_BY_SERVERS: Final = re.compile(
    r"([^/]+/)*(tmp|logs?|sessions|uploads)/.*"
    r"|(.*/)?([^/]*\.(log|log\.\d+|out|err|pid|sock|tmp|swp|(db|sqlite3?)(-wal|-shm|-journal)?))"
)


class FileState(NamedTuple):
    """Of one file: the digest of its content, or where that was too much to read, its size and time alone."""

    size_bytes: int
    modified_ns: int
    sha256: str | None

    def is_other(self, now: "FileState") -> bool:
        """Whether it was changed, as far as is known."""
        if self.sha256 and now.sha256:
            return self.sha256 != now.sha256
        return (self.size_bytes, self.modified_ns) != (now.size_bytes, now.modified_ns)


class Fingerprint(RecordPart):
    """The state of all that the commands of a run would run.

    ``files`` are their programs, the files that commands and environments name, and the trees in which they run;
    ``packages`` the installed ones of each Python among the programs, with a digest of the state of each. ``unseen``
    are the folders of which only a part was looked at, ``outputs`` the files that what the harness prints goes to.
    ``run_folder_sha256`` are the digests of files of the run folder itself, by name.
    """

    files: dict[Printable, FileState]
    packages: dict[Printable, str]
    unseen: list[Printable]
    outputs: list[Printable]
    run_folder_sha256: dict[str, str] = Field(default_factory=dict)

    def changes(self, now: "Fingerprint") -> Iterator[str]:
        """Yield the names of files and packages that are others, gone or new."""
        unseen, outputs = {*self.unseen, *now.unseen}, {*self.outputs, *now.outputs}
        for before, after in ((self.files, now.files), (self.packages, now.packages)):
            for name in sorted((before.keys() | after.keys()) - outputs):
                one, other = before.get(name), after.get(name)
                if one is None or other is None:
                    if not any(_is_in(folder, name) for folder in unseen):
                        yield name
                elif _is_other(one, other):
                    yield name


def _is_in(folder: str, name: str) -> bool:
    """Whether the file of this name is in the folder; ``.`` is the one that names are told from."""
    return not name.startswith("/") if folder == "." else name.startswith(f"{folder.rstrip('/')}/")


def _is_other(one: FileState | str, other: FileState | str) -> bool:
    if isinstance(one, FileState) and isinstance(other, FileState):
        return one.is_other(other)
    return one != other
