"""A checkout has the submodules that are on this machine, and what it lacks otherwise is told."""

import shutil
from pathlib import Path

import pytest

from harness.measure.revisions import checkouts, describe_missing_files, find_revision, snapshot
from harness.record import Revision
from tests.revisions.repository import Repository

ALLOWED = ("-c", "protocol.file.allow=always")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Two commits, which have another commit of a submodule each; that has one of its own. Where they came from is
    gone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    inner, outer, made = (Repository(tmp_path / name) for name in ("inner", "outer", "service"))
    inner.write("text", "inner")
    inner.commit("Inner")
    outer.git(*ALLOWED, "submodule", "--quiet", "add", str(inner.path), "deep/inner")
    outer.write("text", "one")
    outer.commit("One")
    made.git(*ALLOWED, "submodule", "--quiet", "add", "--name", "a name", str(outer.path), "lib/outer")
    made.git(*ALLOWED, "submodule", "--quiet", "update", "--init", "--recursive")
    made.write("service/page", "a page")
    made.commit("One")
    made.git("config", "submodule.recurse", "true")
    made.git("tag", "first")
    outer.write("text", "two")
    outer.commit("Two")
    made.git("-C", "lib/outer", *ALLOWED, "pull", "--quiet")
    made.commit("Two")
    for gone in (inner, outer):
        shutil.rmtree(gone.path)
    return made


def sides(repository: Path, base: str) -> tuple[Revision, Revision]:
    return find_revision(repository, base), snapshot(repository)


def test_submodules_are_those_of_each_commit_and_need_no_network(repository: Repository) -> None:
    status = repository.git("status", "--porcelain")
    both = sides(repository.path, "first")
    with checkouts(repository.path, *both, ()) as folders:
        assert [(folder / "lib/outer/text").read_text() for folder in folders] == ["one", "two"]
        assert [(folder / "lib/outer/deep/inner/text").read_text() for folder in folders] == ["inner", "inner"]
        assert list(describe_missing_files(repository.path, both, folders)) == []
    assert (repository.git("status", "--porcelain"), repository.worktrees()) == (status, 1)


def test_they_are_found_from_another_worktree_too(repository: Repository, tmp_path: Path) -> None:
    repository.git("worktree", "add", "--quiet", str(tmp_path / "other"), "first")
    other = tmp_path / "other"
    with checkouts(other, *sides(other, "main"), ()) as folders:
        assert [(folder / "lib/outer/text").read_text() for folder in folders] == ["two", "one"]


def test_a_submodule_that_is_not_here_is_told(repository: Repository) -> None:
    shutil.rmtree(repository.path / ".git/modules/a name")
    shutil.rmtree(repository.path / "lib/outer")
    (repository.path / "lib/outer").mkdir()
    here = repository.path / "service"
    both = find_revision(here, "first"), find_revision(here, "main")
    with checkouts(here, *both, ()) as folders:
        told = list(describe_missing_files(here, both, folders))
    pinned = [repository.git("rev-parse", f"{commit}:lib/outer")[:12] for commit in ("first", "main")]
    assert told == [
        f"The checkout of {ref} lacks the submodule lib/outer, whose {commit} is not on this machine: git submodule"
        " update --init --recursive fetches it."
        for ref, commit in zip(("first", "main"), pinned, strict=True)
    ]


@pytest.mark.parametrize("setting", [None, "submodule.a name.ignore", "diff.ignoreSubmodules"])
def test_changes_in_a_submodule_are_told(repository: Repository, setting: str | None) -> None:
    if setting:
        repository.git("config", setting, "all")
    repository.write("lib/outer/text", "changed")
    both = sides(repository.path, "first")
    with checkouts(repository.path, *both, ()) as folders:
        (told,) = describe_missing_files(repository.path, both, folders)
    assert told == "The submodule lib/outer has changes that no commit of it has: they are not measured."


def test_ignored_files_are_told_what_servers_often_need_first_and_few_of_many(repository: Repository) -> None:
    repository.write(".gitignore", ".env\nnode_modules\n*.db\n__pycache__\n*.pyc\nmade\n")
    for name in (".env", "node_modules/x/y.js", "__pycache__/a.pyc", "a.pyc", "made", "service/.env"):
        repository.write(name, "ignored")
    both = sides(repository.path, "first")
    with checkouts(repository.path, *both, ("touch", "made")) as folders:
        (told,) = describe_missing_files(repository.path, both, folders)
        assert "git ignores: .env, node_modules/, service/.env. The scenario's prepare" in told
    for number in range(9):
        repository.write(f"{number}.db", "ignored")
    with checkouts(repository.path, *both, ()) as folders:
        (told,) = describe_missing_files(repository.path, both, folders)
        assert "git ignores: .env, node_modules/, 0.db, 1.db, 2.db, 3.db and 7 more." in told
    here = repository.path / "service"
    with checkouts(here, *both, ()) as folders:
        (told,) = describe_missing_files(here, both, folders)
        assert "git ignores: .env. The" in told
