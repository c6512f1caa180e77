"""Two commits travel without their history, and are on another machine what they are here."""

import subprocess
from pathlib import Path

import pytest

from harness.fleet.commits import pack_commits, unpack_commits
from harness.measure.base_and_head import find_sides


def git(folder: Path, *words: str) -> str:
    by = ("-c", "user.name=Somebody", "-c", "user.email=somebody@localhost")
    return subprocess.run(["git", "-C", str(folder), *by, *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of two commits, with a change that is in neither."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "repository"
    (folder / "deep").mkdir(parents=True)
    git(folder, "init", "--quiet")
    for text in ("one", "two"):
        (folder / "deep" / "page.txt").write_text(text, encoding="utf-8")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", text)
    return folder


def show(repository: Path, commit: str) -> str:
    return git(repository, "show", f"{commit}:deep/page.txt")


def test_both_commits_are_there_and_their_history_is_not(repository: Path) -> None:
    packed = pack_commits(repository / "deep", find_sides(repository, "HEAD~", "HEAD"))
    folder = unpack_commits(packed, "shop")
    assert folder.name == "deep"
    assert [show(folder, side.commit) for side in packed.sides] == ["one", "two"]
    assert [side.ref for side in packed.sides] == ["HEAD~", "HEAD"]
    assert git(folder, "rev-list", "--count", packed.commits[1]).strip() == "1"


def test_the_working_tree_travels_as_it_is(repository: Path) -> None:
    (repository / "deep" / "page.txt").write_text("three", encoding="utf-8")
    packed = pack_commits(repository, find_sides(repository, "HEAD", None))
    assert show(unpack_commits(packed, "shop"), packed.commits[1]) == "three"


def test_the_same_files_are_the_same_commits_each_time(repository: Path) -> None:
    sides = find_sides(repository, "HEAD~", "HEAD")
    first, again = pack_commits(repository, sides), pack_commits(repository, sides)
    assert first.commits == again.commits
    assert unpack_commits(first, "shop") == unpack_commits(again, "shop")


def test_what_git_ignores_stays_behind_and_is_named(repository: Path) -> None:
    (repository / "deep" / ".gitignore").write_text("*.env\n*.log\n", encoding="utf-8")
    for name in ("own.env", "server.log"):
        (repository / "deep" / name).touch()
    packed = pack_commits(repository / "deep", find_sides(repository, "HEAD~", "HEAD"))
    assert packed.ignored == ("own.env",)


def test_the_repository_is_left_as_it_was(repository: Path) -> None:
    before = git(repository, "for-each-ref"), git(repository, "count-objects")
    pack_commits(repository, find_sides(repository, "HEAD~", "HEAD"))
    assert (git(repository, "for-each-ref"), git(repository, "count-objects")) == before
