"""The submodules of a commit, read from their repositories on this machine. Nothing is fetched or registered."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.machine.git import RevisionError, run_git

SUBMODULE: Final = "160000"  # the mode of an entry of a tree


@dataclass(frozen=True)
class Submodule:
    """A commit of another repository in the place of a folder. ``name`` is the one under which git stores it."""

    path: str
    name: str
    commit: str


def fill_submodules(repository: Path, commit: str, folder: Path) -> None:
    """Put the files of each submodule into its place in the folder, and those of its own submodules. A submodule that
    is not on this machine is left out: see :func:`missing_submodules`."""
    _fill(_git_folder(repository), commit, folder, Path(run_git(repository, "rev-parse", "--show-toplevel")))


def missing_submodules(repository: Path, commit: str, folder: Path) -> list[Submodule]:
    """Return the submodules of the commit whose place in the folder, a checkout of the commit, is empty."""
    found = _submodules(_git_folder(repository), commit)
    return [each for each in found if not (folder / each.path).is_dir() or not any((folder / each.path).iterdir())]


def changed_submodules(repository: Path) -> list[str]:
    """Return the paths of the submodules whose working tree has changes that no commit has."""
    # The options override what the configuration or .gitmodules hide.
    options = ("--porcelain=v2", "-z", "--no-renames", "--untracked-files=normal", "--ignore-submodules=none")
    lines = run_git(repository, "status", *options).split("\0")
    entries = [line.split(" ", 8) for line in lines if line.startswith("1 ")]
    return [fields[8] for fields in entries if fields[2].startswith("S") and fields[2][2:] != ".."]


def _fill(git_folder: Path, commit: str, folder: Path, working_tree: Path) -> None:
    for submodule in _submodules(git_folder, commit):
        place, beside = folder / submodule.path, working_tree / submodule.path
        for own in _git_folders(git_folder, submodule.name, beside):
            if _has(own, submodule.commit):
                _check_out(own, submodule.commit, place)
                _fill(own, submodule.commit, place, beside)
                break


def _submodules(git_folder: Path, commit: str) -> Iterator[Submodule]:
    entries = _read(git_folder, "ls-tree", "-r", "-z", "--full-tree", commit).split("\0")
    linked = [entry.partition("\t") for entry in entries if entry.startswith(SUBMODULE)]
    names = _names(git_folder, commit) if linked else {}
    for entry, _, path in linked:
        yield Submodule(path, names.get(path, path), entry.split()[2])


def _names(git_folder: Path, commit: str) -> dict[str, str]:
    """Return the names of submodules by path; none for a commit without .gitmodules."""
    try:
        listed = _read(git_folder, "config", "--blob", f"{commit}:.gitmodules", "-z", "--get-regexp", r"\.path$")
    except RevisionError:
        return {}
    pairs = (entry.partition("\n") for entry in listed.split("\0") if entry)
    return {path: key.removeprefix("submodule.").removesuffix(".path") for key, _, path in pairs}


def _git_folders(git_folder: Path, name: str, beside: Path) -> Iterator[Path]:
    """Yield the folders in which git may store a submodule: the worktree's, the repository's, and the checkout's."""
    yield git_folder / "modules" / name
    yield (git_folder / _read(git_folder, "rev-parse", "--git-common-dir")).resolve() / "modules" / name
    yield beside / ".git"


def _has(git_folder: Path, commit: str) -> bool:
    if not (git_folder / "HEAD").exists():
        return False
    try:
        _read(git_folder, "cat-file", "-e", f"{commit}^{{commit}}")
    except RevisionError:
        return False
    return True


def _check_out(git_folder: Path, commit: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        env = {
            "GIT_DIR": str(git_folder),
            "GIT_WORK_TREE": str(folder),
            "GIT_INDEX_FILE": os.path.join(place, "index"),
        }
        run_git(folder, "read-tree", commit, env=env)
        run_git(folder, "checkout-index", "--all", "--force", env=env)


def _git_folder(repository: Path) -> Path:
    return Path(run_git(repository, "rev-parse", "--absolute-git-dir"))


def _read(git_folder: Path, *arguments: str) -> str:
    """Return what git prints of the repository alone, since its working tree may be gone. Raises RevisionError."""
    return run_git(git_folder, *arguments, env={"GIT_DIR": str(git_folder), "GIT_WORK_TREE": str(git_folder)})
