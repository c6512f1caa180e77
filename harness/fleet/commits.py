"""The two commits of a comparison on their way to other machines: their files alone, without the history.

A git bundle holds them as commits without parents, made by nobody at no time, so that the same files are the same
commit on every machine, whenever they are sent.
"""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from harness.machine.cache import cache_folder
from harness.machine.git import NOBODY, run_git
from harness.measure.revisions import list_ignored_files
from harness.record import Revision
from harness.text import printable

SIDES: Final = ("base", "head")


class PackedCommits(BaseModel):
    """Two commits as a git bundle, and the folder within the repository to which the scenario belongs. ``revisions``
    are what they are on the leader's machine, ``commits`` what they are in the bundle. Git ignores the files
    ``ignored`` in the working tree there: they stay behind."""

    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    bundle: bytes
    folder: str
    revisions: tuple[Revision, Revision]
    commits: tuple[str, str]
    ignored: tuple[str, ...]

    @property
    def sides(self) -> tuple[Revision, Revision]:
        """The revisions as they are where the bundle is unpacked."""
        base, head = (
            revision.model_copy(update={"commit": commit})
            for revision, commit in zip(self.revisions, self.commits, strict=True)
        )
        return base, head


def pack_commits(repository: Path, revisions: tuple[Revision, Revision]) -> PackedCommits:
    """Return two commits of the repository, packed. Raises RevisionError."""
    objects = Path(run_git(repository, "rev-parse", "--path-format=absolute", "--git-path", "objects"))
    with tempfile.TemporaryDirectory(prefix="harness-pack-") as folder:
        beside = Path(folder)  # a repository of its own: that of the user gets no refs and no objects
        run_git(beside, "init", "--quiet", "--bare")
        (beside / "objects" / "info" / "alternates").write_bytes(os.fsencode(objects) + b"\n")
        commits = [_add_commit(beside, side, each) for side, each in zip(SIDES, revisions, strict=True)]
        run_git(beside, "bundle", "create", "--quiet", "packed", *(f"refs/heads/{side}" for side in SIDES))
        return PackedCommits(
            bundle=(beside / "packed").read_bytes(),
            folder=run_git(repository, "rev-parse", "--show-prefix"),
            revisions=revisions,
            commits=(commits[0], commits[1]),
            ignored=tuple(map(printable, list_ignored_files(repository))),
        )


def unpack_commits(packed: PackedCommits, name: str) -> Path:
    """Return the folder of the scenario in a repository of this name, in the user's cache, that has the commits. Raises
    RevisionError and OSError."""
    repository = cache_folder() / "fleet" / name
    repository.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(prefix="harness-pack-") as file:
        file.write(packed.bundle)
        file.flush()
        run_git(repository, "init", "--quiet")
        refs: Sequence[str] = [f"+refs/heads/{side}:refs/heads/{side}" for side in SIDES]
        run_git(repository, "fetch", "--quiet", "--update-head-ok", file.name, *refs)
    folder = repository / packed.folder
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _add_commit(repository: Path, side: str, revision: Revision) -> str:
    tree = run_git(repository, "rev-parse", f"{revision.commit}^{{tree}}")
    commit = run_git(repository, "commit-tree", tree, "-m", side, env=NOBODY)
    run_git(repository, "update-ref", f"refs/heads/{side}", commit)
    return commit
