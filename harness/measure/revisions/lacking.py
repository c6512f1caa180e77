"""What a checkout lacks that the working tree has: what git ignores, and submodules that are not on this machine."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from harness.machine.git import git
from harness.measure.revisions.revision import WORKING_TREE
from harness.measure.revisions.submodules import changed_submodules, missing_submodules
from harness.record import Revision

MOST_NAMED: Final = 6
NEEDED: Final = re.compile(
    r"\.env\b.*|.*\blocal\b.*|\.?venv/|node_modules/|vendor/|.*(config|settings|secret).*"
)  # often
NEVER_NEEDED: Final = re.compile(
    r".*(__pycache__|_cache|\.cache|\.egg-info|\.hypothesis|htmlcov)/|.*\.(pyc|log|swp)|\.coverage.*|\.DS_Store|results/"
)


def what_checkouts_lack(
    repository: Path, sides: tuple[Revision, Revision], folders: tuple[Path, Path]
) -> Iterator[str]:
    """Yield what a server might miss in the folders, which are checkouts of this folder of the repository: a sentence
    each. Raises RevisionError."""
    if ignored := _ignored(repository, folders):
        more = f" and {len(ignored) - MOST_NAMED} more" if len(ignored) > MOST_NAMED else ""
        yield (
            f"The checkouts lack what git ignores here: {', '.join(ignored[:MOST_NAMED])}{more}. The scenario's prepare"
            " can make it, env and pass_env can say it."
        )
    here = git(repository, "rev-parse", "--show-prefix")
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


def _ignored(repository: Path, folders: tuple[Path, Path]) -> list[str]:
    """What exists here and in neither folder, what servers often need first."""
    listed = git(repository, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z").split("\0")
    lacking = [
        name
        for name in listed
        if name and not NEVER_NEEDED.fullmatch(name) and not any((folder / name).exists() for folder in folders)
    ]
    return sorted(lacking, key=lambda name: (NEEDED.fullmatch(name) is None, name))
