"""Checkouts are what the commits hold, ready to run, and gone afterwards."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.measure.revisions import RevisionError, checkouts, find_revision, snapshot
from tests.interrupts import heeding_interrupts
from tests.revisions.repository import Repository
from tests.server.polling import wait_until

PREPARE = ("sh", "-c", "echo built >> built; echo $PWD")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where checkouts are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "harness" / "checkouts"


@pytest.fixture
def repository(tmp_path: Path, cache: Path) -> Repository:
    """Two commits of one file."""
    made = Repository(tmp_path / "repository")
    made.write("page", "one")
    made.write("service/page", "one")
    made.commit("One")
    made.git("tag", "first")
    made.write("page", "two")
    made.commit("Two")
    return made


def files(cache: Path) -> list[str]:
    """What is left in the cache."""
    return sorted(path.name for path in cache.rglob("*") if path.is_file())


def test_both_commits_are_there_and_gone_afterwards(repository: Repository, cache: Path) -> None:
    base, head = find_revision(repository.path, "first"), find_revision(repository.path, "main")
    with checkouts(repository.path, base, head, ()) as (before, after):
        assert [(folder / "page").read_text() for folder in (before, after)] == ["one", "two"]
        assert repository.worktrees() == 3
    assert repository.worktrees() == 1
    assert files(cache) == []
    assert (base.ref, base.subject, head.subject) == ("first", "One", "Two")


def test_the_working_tree_is_measured_as_it_is_and_not_touched(repository: Repository) -> None:
    repository.write("page", "three")
    repository.write("new", "not added")
    repository.write(".gitignore", "ignored\n")
    repository.write("ignored", "by git")
    status = repository.git("status", "--porcelain")
    head = snapshot(repository.path)
    assert head.is_changed
    assert snapshot(repository.path) == head
    with checkouts(repository.path, find_revision(repository.path, "HEAD"), head, ()) as (_, after):
        assert sorted(path.name for path in after.iterdir()) == [".git", ".gitignore", "new", "page", "service"]
        assert (after / "page").read_text() == "three"
    assert repository.git("status", "--porcelain") == status


def test_a_clean_working_tree_is_its_commit(repository: Repository) -> None:
    head = snapshot(repository.path)
    assert (head.commit, head.is_changed) == (repository.git("rev-parse", "HEAD"), False)
    with checkouts(repository.path, find_revision(repository.path, "main"), head, ()) as (before, after):
        assert before == after


def test_from_a_folder_of_the_repository_it_is_that_folder(repository: Repository) -> None:
    here = repository.path / "service"
    base, head = find_revision(here, "first"), find_revision(here, "main")
    with checkouts(here, base, head, ()) as folders:
        assert [(folder / "page").read_text() for folder in folders] == ["one", "one"]


def test_a_folder_that_one_of_them_does_not_have_is_told(repository: Repository, cache: Path) -> None:
    repository.write("later/page", "one")
    repository.commit("Later")
    here = repository.path / "later"
    base, head = find_revision(here, "first"), find_revision(here, "main")
    with pytest.raises(RevisionError, match="first: does not have the folder later/"), checkouts(here, base, head, ()):
        pass
    assert (repository.worktrees(), files(cache)) == (1, [])


def test_each_commit_is_prepared_once(repository: Repository) -> None:
    base, head = find_revision(repository.path, "first"), find_revision(repository.path, "main")
    for _ in range(2):
        with checkouts(repository.path, base, head, PREPARE) as folders:
            assert [(folder / "built").read_text() for folder in folders] == ["built\n"] * 2
        assert repository.worktrees() == 1


def test_another_preparation_is_made_anew(repository: Repository) -> None:
    base = find_revision(repository.path, "first")
    for command in (PREPARE, ("sh", "-c", "echo otherwise > built")):
        with checkouts(repository.path, base, base, command) as (folder, _):
            assert (folder / "built").read_text() in ("built\n", "otherwise\n")
    assert (folder / "built").read_text() == "otherwise\n"


def test_what_another_python_built_is_made_anew(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = find_revision(repository.path, "first")
    for name in ("one", "two", "one"):
        python = tmp_path / name / "python3"
        python.parent.mkdir(exist_ok=True)
        python.write_text(f"#!/bin/sh\necho {name} >> built\n")
        python.chmod(0o755)
        monkeypatch.setenv("PATH", f"{python.parent}:/usr/bin:/bin")
        with checkouts(repository.path, base, base, ("{python}", "-m", "build")) as (folder, _):
            assert (folder / "built").read_text() == f"{name}\n"


def test_a_preparation_that_fails_shows_its_last_lines_and_leaves_nothing(repository: Repository, cache: Path) -> None:
    base, head = find_revision(repository.path, "first"), find_revision(repository.path, "main")
    failing = ("sh", "-c", "echo no compiler here >&2; exit 7")
    with (
        pytest.raises(RevisionError, match=r"first: prepare: .* ended with 7:\nno compiler here"),
        checkouts(repository.path, base, head, failing),
    ):
        pass
    assert (repository.worktrees(), files(cache)) == (1, [])


def test_a_preparation_that_is_no_program_is_told(repository: Repository, cache: Path) -> None:
    base = find_revision(repository.path, "first")
    with (
        pytest.raises(RevisionError, match="first: prepare can't be started: no-such-program"),
        checkouts(repository.path, base, base, ("no-such-program",)),
    ):
        pass
    assert (repository.worktrees(), files(cache)) == (1, [])


@pytest.mark.parametrize("ref", ["nowhere", "", "--all", "HEAD:page", "a b", "\x1b[2J"])
def test_a_ref_that_does_not_exist_is_named(repository: Repository, ref: str) -> None:
    with pytest.raises(RevisionError, match=r"no such commit|not a commit"):
        find_revision(repository.path, ref)


def test_what_is_no_repository_is_told(tmp_path: Path) -> None:
    with pytest.raises(RevisionError, match="not a git repository"):
        find_revision(tmp_path, "HEAD")


def test_an_error_within_leaves_nothing(repository: Repository, cache: Path) -> None:
    base, head = find_revision(repository.path, "first"), find_revision(repository.path, "main")
    with pytest.raises(KeyboardInterrupt), checkouts(repository.path, base, head, ()):
        raise KeyboardInterrupt
    assert (repository.worktrees(), files(cache)) == (1, [])


CODE = """
import sys
from pathlib import Path
from harness.measure.revisions import checkouts, find_revision
here = Path(sys.argv[1])
base = find_revision(here, "first")
with checkouts(here, base, base, ("sh", "-c", "echo > started; sleep 61")):
    pass
"""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_preparation_leaves_nothing_for_long(repository: Repository, cache: Path, signum: int) -> None:
    """What SIGKILL leaves, the next one clears away."""
    with (
        heeding_interrupts(),
        subprocess.Popen([sys.executable, "-c", CODE, repository.path], stderr=subprocess.DEVNULL) as process,
    ):
        wait_until(lambda: list(cache.rglob("started")), "the preparation")
        process.send_signal(signum)
    if signum == signal.SIGKILL:
        assert repository.worktrees() == 2
        head = find_revision(repository.path, "main")
        with checkouts(repository.path, head, head, ()):
            pass
    assert (repository.worktrees(), files(cache)) == (1, [])
    wait_until(lambda: not any("sleep 61" in " ".join(each.info["cmdline"] or []) for each in running()), "its end")


def running() -> Iterator[psutil.Process]:
    """Every process there is."""
    return psutil.process_iter(["cmdline"])


def test_two_at_once_do_not_share_a_checkout(repository: Repository) -> None:
    base, head = find_revision(repository.path, "first"), find_revision(repository.path, "main")
    with (
        checkouts(repository.path, base, base, ()),
        pytest.raises(RevisionError, match="another harness has it checked out"),
        checkouts(repository.path, base, head, ()),
    ):
        pass


def test_few_prepared_checkouts_are_kept(repository: Repository, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.measure.revisions.checkout.MAX_KEPT", 2)
    for number in range(4):
        repository.write("page", str(number))
        repository.commit(str(number))
        head = find_revision(repository.path, "HEAD")
        with checkouts(repository.path, head, head, ("true",)):
            pass
    assert len([path for path in cache.glob("*/*") if path.is_dir()]) == 2
