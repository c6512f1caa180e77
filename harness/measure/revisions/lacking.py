"""The files that a checkout lacks and the working tree has: files that git ignores, and submodules that are not on this
machine."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from harness.machine.git import run_git
from harness.measure.revisions.submodules import changed_submodules, missing_submodules
from harness.record import Revision
from harness.record.revision import WORKING_TREE

MAX_NAMED: Final = 6
NEEDED: Final = re.compile(
    r"\.env\b.*|.*\blocal\b.*|\.?venv/|node_modules/|vendor/|.*(config|settings|secret).*"
)  # by many servers: named first
NEVER_NEEDED: Final = re.compile(
    r".*(__pycache__|_cache|\.cache|\.egg-info|\.hypothesis|htmlcov)/|.*\.(pyc|log|swp)|\.coverage.*|\.DS_Store|results/"
)


def describe_missing_files(
    repository: Path, sides: tuple[Revision, Revision], folders: tuple[Path, Path]
) -> Iterator[str]:
    """Yield the files that a server might miss in the ``folders``, a sentence each. The folders are those of the
    checkouts that correspond to this folder of the repository. Raises RevisionError."""
    yield from describe_ignored_files(list_ignored_files(repository), folders)
    here = run_git(repository, "rev-parse", "--show-prefix")
    for revision, folder in dict(zip(sides, folders, strict=True)).items():
        top = folder.parents[len(Path(here).parts) - 1] if here else folder
        for missing in missing_submodules(repository, revision.commit, top):
            yield (
                f"The checkout of {revision.ref} lacks the submodule {missing.path}, whose {missing.commit[:12]} is not"
                " on this machine: git submodule update --init --recursive fetches it."
            )
        if revision.ref == WORKING_TREE:
            for path in changed_submodules(repository):
                yield f"The submodule {path} has changes that no commit of it has: they are not measured."


def describe_ignored_files(ignored: Sequence[str], folders: tuple[Path, Path]) -> Iterator[str]:
    """Yield a sentence on those of the ignored files that neither of the folders has, if there are any."""
    if lacking := find_lacking(ignored, folders):
        more = f" and {len(lacking) - MAX_NAMED} more" if len(lacking) > MAX_NAMED else ""
        yield (
            f"The checkouts lack what git ignores: {', '.join(lacking[:MAX_NAMED])}{more}. The scenario's prepare can"
            " make it, env and pass_env can say it."
        )


def list_ignored_files(repository: Path) -> list[str]:
    """Return the ignored files of this folder of the repository that a server may need, those that many need first.
    Raises RevisionError."""
    listed = run_git(repository, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z")
    names = [name for name in listed.split("\0") if name and not NEVER_NEEDED.fullmatch(name)]
    return sorted(names, key=lambda name: (NEEDED.fullmatch(name) is None, name))


def find_lacking(names: Sequence[str], folders: tuple[Path, Path]) -> list[str]:
    """Return the names of files that are in neither of the folders."""
    return [name for name in names if not any((folder / name).exists() for folder in folders)]
