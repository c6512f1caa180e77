"""The submodules of a commit, from their repositories on this machine: nothing is fetched, and git learns nothing."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.machine.git import RevisionError, git

SUBMODULE: Final = "160000"  # the mode of an entry of a tree


@dataclass(frozen=True)
class Submodule:
    """What a commit has in the place of a folder: a commit of another repository, by the name that git keeps it as."""

    path: str
    name: str
    commit: str


def fill_submodules(repository: Path, commit: str, folder: Path) -> None:
    """Put the files of each into its place in the folder, and those of theirs. What is not on this machine stays out,
    as :func:`missing_submodules` tells."""
    _fill(_git_folder(repository), commit, folder, Path(git(repository, "rev-parse", "--show-toplevel")))


def missing_submodules(repository: Path, commit: str, folder: Path) -> list[Submodule]:
    """Return those of the commit whose place in the folder, a checkout of it, is empty."""
    found = _submodules(_git_folder(repository), commit)
    return [each for each in found if not (folder / each.path).is_dir() or not any((folder / each.path).iterdir())]


def changed_submodules(repository: Path) -> list[str]:
    """Return the paths of those with changes in the working tree that no commit has."""
    # Whatever the configuration or .gitmodules would rather not be told of.
    options = ("--porcelain=v2", "-z", "--no-renames", "--untracked-files=normal", "--ignore-submodules=none")
    lines = git(repository, "status", *options).split("\0")
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
    """By path; empty for a commit without .gitmodules."""
    try:
        listed = _read(git_folder, "config", "--blob", f"{commit}:.gitmodules", "-z", "--get-regexp", r"\.path$")
    except RevisionError:
        return {}
    pairs = (entry.partition("\n") for entry in listed.split("\0") if entry)
    return {path: key.removeprefix("submodule.").removesuffix(".path") for key, _, path in pairs}


def _git_folders(git_folder: Path, name: str, beside: Path) -> Iterator[Path]:
    """Where git may keep a submodule: with a worktree's own, with the repository's, or where it is checked out."""
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
        git(folder, "read-tree", commit, env=env)
        git(folder, "checkout-index", "--all", "--force", env=env)


def _git_folder(repository: Path) -> Path:
    return Path(git(repository, "rev-parse", "--absolute-git-dir"))


def _read(git_folder: Path, *arguments: str) -> str:
    """Ask git about the repository alone: the working tree that it belonged to may be gone."""
    return git(git_folder, *arguments, env={"GIT_DIR": str(git_folder), "GIT_WORK_TREE": str(git_folder)})
