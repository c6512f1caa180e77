"""Git is asked as a tool: whatever bytes it prints, whoever calls, and whatever the user would rather see."""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from harness.machine import tools
from harness.machine.environment import describe_environment
from harness.machine.git import run_git
from harness.measure.revisions import (
    RevisionError,
    checkouts,
    describe_missing_files,
    find_revision,
    snapshot,
)
from tests.revisions.repository import Repository
from tests.server.polling import wait_until

NO_UTF_8 = b"na\xefve"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """One commit."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = Repository(tmp_path / "repository")
    made.write("page", "one")
    made.commit("One")
    return made


def measured(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str | None]:
    """The snapshot of the working tree, and the digest of what is not committed."""
    monkeypatch.chdir(repository.path)
    return snapshot(repository.path).commit, describe_environment().git_changes


def program(folder: Path, name: str, code: str) -> None:
    """A program that is run in the place of another."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!{sys.executable} -I\n{code}")
    (folder / name).chmod(0o755)


def test_bytes_that_are_no_utf_8_are_no_matter(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In files, in names of files, in messages and in what is changed."""
    name = os.fsdecode(NO_UTF_8)
    repository.write(name, "one")
    (tmp_path / "message").write_bytes(NO_UTF_8 + b"\n\nBody\n")
    repository.git("add", "--all")
    repository.git("-c", "i18n.commitEncoding=none", "commit", "--quiet", "--file", str(tmp_path / "message"))
    (repository.path / ".gitignore").write_bytes(b"*.secret\n")
    repository.write(f"{name}.secret", "ignored")
    before = measured(repository, monkeypatch)
    (repository.path / name).write_bytes(NO_UTF_8)
    commit, changes = measured(repository, monkeypatch)
    assert (commit != before[0], changes not in (None, before[1])) == (True, True)
    both = find_revision(repository.path, "HEAD"), snapshot(repository.path)
    assert both[0].subject == "na\ufffdve"
    with checkouts(repository.path, *both, ()) as folders:
        assert [(folder / name).read_bytes() for folder in folders] == [b"one", NO_UTF_8]
        (told,) = describe_missing_files(repository.path, both, folders)
    assert f"git ignores: {name}.secret." in told


def test_a_hook_can_measure_the_working_tree(repository: Repository, tmp_path: Path) -> None:
    """Git tells hooks of an index that is not the repository's, and of the repository of the commit."""
    told = tmp_path / "told"
    code = f"""
import os, sys
sys.path.insert(0, {str(Path(tools.__file__).parents[1])!r})
from pathlib import Path
from harness.measure.revisions import checkouts, find_revision, snapshot
here = Path({str(repository.path)!r})
base, head = find_revision(here, "HEAD"), snapshot(here)
with checkouts(here, base, head, ("sh", "-c", "env | grep '^GIT_[^E]' > variables || true")) as folders:
    said = [(folder / name).read_text() for folder in folders for name in ("page", "variables")]
Path({str(told)!r}).write_text(repr((said, "GIT_INDEX_FILE" in os.environ)))
"""
    program(repository.path / ".git" / "hooks", "pre-commit", code)
    repository.write("page", "two")
    repository.write("new", "not added")
    repository.git("commit", "--quiet", "--message", "Two", "page")  # of a part, with an index of its own
    assert told.read_text() == repr((["one", "", "two", ""], True))
    assert repository.git("show", "--format=", "--name-only", "HEAD") == "page"


def test_no_hook_is_run(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.git("config", "core.hooksPath", "hooks")
    for name in ("post-checkout", "post-index-change", "reference-transaction", "fsmonitor"):
        program(repository.path / "hooks", name, f"open({str(tmp_path / 'ran')!r}, 'a')")
    repository.git("config", "core.fsmonitor", str(repository.path / "hooks" / "fsmonitor"))
    repository.write("page", "two")
    measured(repository, monkeypatch)
    both = find_revision(repository.path, "HEAD"), snapshot(repository.path)
    with checkouts(repository.path, *both, ()):
        pass
    assert not (tmp_path / "ran").exists()


CONFIGURATION = """
[status]
    showUntrackedFiles = no
    short = true
[color]
    ui = always
[diff]
    external = false
    noprefix = true
    ignoreSubmodules = all
[log]
    showSignature = true
[core]
    quotePath = true
[i18n]
    logOutputEncoding = ISO-8859-1
[submodule]
    recurse = true
"""


def test_the_users_taste_changes_nothing(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    repository.commit("naïve")
    repository.write("page", "two")
    repository.write("new", "one")
    before = measured(repository, monkeypatch)
    (tmp_path / ".gitconfig").write_text(CONFIGURATION)
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    after = measured(repository, monkeypatch)
    assert after[0] == before[0]
    assert None not in (before[1], after[1])
    assert find_revision(repository.path, "HEAD").subject == "naïve"


def test_a_signature_is_not_taken_for_the_subject(repository: Repository, tmp_path: Path) -> None:
    code = """
import sys
if "--verify" not in sys.argv:
    print("-----BEGIN PGP SIGNATURE-----\\n\\n=\\n-----END PGP SIGNATURE-----")
print("\\n[GNUPG:] SIG_CREATED \\ngpg: Good signature", file=sys.stderr)
"""
    program(tmp_path / "bin", "gpg", code)
    repository.git("config", "gpg.program", str(tmp_path / "bin" / "gpg"))
    repository.git("config", "log.showSignature", "true")
    repository.git("commit", "--quiet", "--allow-empty", "--gpg-sign", "--message", "Two")
    assert "Good signature" in repository.git("log", "-1", "--format=%s")
    assert find_revision(repository.path, "HEAD").subject == "Two"


def test_an_untracked_file_is_a_change_whatever_status_says(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository.path)
    repository.git("config", "status.showUntrackedFiles", "no")
    repository.write("new", "one")
    assert describe_environment().git_dirty
    assert snapshot(repository.path).is_changed


def test_a_change_that_the_index_hides_is_measured(repository: Repository) -> None:
    repository.git("update-index", "--assume-unchanged", "page")
    repository.write("page", "two")
    head = snapshot(repository.path)
    assert head.is_changed
    assert repository.git("show", f"{head.commit}:page") == "two"


def test_what_is_staged_and_taken_back_is_no_change(repository: Repository) -> None:
    repository.write("page", "two")
    repository.git("add", "page")
    repository.write("page", "one")
    assert not snapshot(repository.path).is_changed


def test_a_repository_of_somebody_else_is_told_in_gits_own_words(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = (
        "warning: something else\nfatal: detected dubious ownership in repository at '/x'\n"
        "To add an exception for this directory, call:\n\n\tgit config --global --add safe.directory /x\n"
    )
    program(tmp_path / "bin", "git", f"import sys; sys.stderr.write({said!r}); sys.exit(128)")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(RevisionError) as caught:
        find_revision(repository.path, "HEAD")
    assert str(caught.value).splitlines() == [
        "git rev-parse: detected dubious ownership in repository at '/x'",
        "To add an exception for this directory, call:",
        "git config --global --add safe.directory /x",
    ]


@pytest.mark.parametrize("heeds", [True, False])
def test_a_git_that_does_not_end_is_stopped_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heeds: bool
) -> None:
    """A child that holds its output open, and a SIGTERM that is ignored, do not keep it."""
    monkeypatch.setattr(tools, "GRACE_S", 0.2)
    pids = tmp_path / "pids"
    trap = "" if heeds else "trap '' TERM; "
    (tmp_path / "git").write_text(f"#!/bin/sh\n{trap}sleep 61 & echo $$ $! > {pids}; wait; sleep 61")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(RevisionError, match="git fetch: had not ended after 1 s, and was stopped"):
        run_git(tmp_path, "fetch", timeout_s=1.0)
    started = [int(pid) for pid in pids.read_text().split()]
    wait_until(lambda: not any(map(lives, started)), "their end")


def lives(pid: int) -> bool:
    """Whether the process runs; who inherits orphans need not have reaped it."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_child_that_outlives_git_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import subprocess; print(subprocess.Popen(['sleep', '61']).pid)"
    program(tmp_path / "bin", "git", code)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    os.kill(int(run_git(tmp_path, "gc")), signal.SIGKILL)
