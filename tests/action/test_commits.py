"""Which commits are compared, and that finding them leaves the checkout as it is."""

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.action.job import ROOT
from tests.action.test_steps import git

LOCAL: Final = ("-c", "protocol.file.allow=always")  # which git takes submodules from no more, unless it is told to
HERE: Final = ("main", "origin/main", "refs/heads/main~1", "v1", "HEAD", "HEAD~1", "origin/old", "old^0")
REFUSED: Final = (
    "main:refs/heads/made",
    "+main:main",
    "+refs/heads/*:refs/heads/*",
    "refs/pull/1/head",
    "--upload-pack=touch made",
    "-v1",
    ":/1",
    "HEAD^{/1}",
    "HEAD^{tree}",
    "main@{1}",
    "@{-1}",
    "old..main",
    "^main",
    "HEAD:file",
    "main v1",
    "v*",
    "~1",
    "FETCH_HEAD",
)


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A repository with three commits, of which the first has the tag v1 and the branch old."""
    folder = tmp_path / "origin"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    for number in range(1, 4):
        git(folder, "commit", "--quiet", "--allow-empty", f"--message={number}")
        if number == 1:
            git(folder, "tag", "v1")
            git(folder, "branch", "old")
    return folder


@pytest.fixture
def checkout(tmp_path: Path, origin: Path) -> Path:
    """As actions/checkout leaves it of a pull request with all history: no branch of its own."""
    git(tmp_path, "clone", "--quiet", f"file://{origin}", "checkout")
    return detached(tmp_path / "checkout")


def detached(checkout: Path) -> Path:
    """On no branch."""
    git(checkout, "checkout", "--quiet", "--detach")
    git(checkout, "branch", "--quiet", "--delete", "main")
    return checkout


def find_commits(checkout: Path, base: str, head: str = "") -> tuple[int, str]:
    """Run the step; return its exit code and its outputs, or else what it says."""
    output = checkout.parent / "output"
    output.write_text("")
    switches = {"STRICT": "false", "COMMENT": "true", "GITHUB_OUTPUT": str(output), "PATH": os.environ["PATH"]}
    switches |= {"GIT_ALLOW_PROTOCOL": os.environ.get("GIT_ALLOW_PROTOCOL", "file")}
    done = subprocess.run(
        ["bash", ROOT / "action" / "commits.sh"],
        cwd=checkout,
        env=switches | {"BASE": base, "HEAD": head},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, output.read_text() or done.stdout


def goes_on(origin: Path) -> str:
    """Two commits later than any checkout has, on the branch later with the annotated tag v2. Return the last one."""
    git(origin, "checkout", "--quiet", "-b", "later")
    for number in (4, 5):
        git(origin, "commit", "--quiet", "--allow-empty", f"--message={number}")
    git(origin, "tag", "--annotate", "--message=two", "v2")
    git(origin, "branch", "--delete", "old")
    return git(origin, "rev-parse", "later")


def state(checkout: Path) -> dict[str, object]:
    """All that a user has of it but objects that nothing names: refs, what git fetched last, history, settings."""
    gone = {"objects", "index"}
    files = [file for file in (checkout / ".git").rglob("*") if file.is_file()]
    return {
        "files": {
            str(file): file.read_bytes() for file in files if not gone & set(file.relative_to(checkout / ".git").parts)
        },
        "history": git(checkout, "log", "--all", "--format=%H %D"),
        "shallow": git(checkout, "rev-parse", "--is-shallow-repository"),
        "described": git(checkout, "describe", "--tags", "--always"),
    }


def test_what_a_complete_checkout_has_is_found_there(checkout: Path, origin: Path) -> None:
    git(checkout, "update-ref", "refs/heads/main", "HEAD")  # a full name is the checkout's own
    git(checkout, "remote", "set-url", "origin", "file:///nowhere")
    before = state(checkout)
    for name in HERE:
        expected = git(origin, "rev-parse", name.removeprefix("origin/"))
        assert find_commits(checkout, "HEAD", name) == (
            0,
            f"base={git(origin, 'rev-parse', 'main')}\nhead={expected}\n",
        )
    assert state(checkout) == before


@pytest.mark.parametrize("name", ["origin/later", "refs/tags/v2", "sha"])
def test_what_a_complete_checkout_lacks_is_fetched_and_nothing_else_changes(
    checkout: Path, origin: Path, name: str
) -> None:
    """With settings by which a fetch does more than it is asked to."""
    later = goes_on(origin)
    for setting in ("fetch.prune=true", "remote.origin.tagOpt=--tags", "fetch.recurseSubmodules=true"):
        git(checkout, "config", *setting.split("="))
    hook = checkout / ".git" / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {checkout.parent}/hooked\n")
    hook.chmod(0o755)
    before = state(checkout)
    assert find_commits(checkout, later if name == "sha" else name) == (0, f"base={later}\nhead=\n")
    assert state(checkout) == before
    assert git(checkout, "log", "--format=%s", later).split() == ["5", "4", "3", "2", "1"]
    assert not (checkout.parent / "hooked").exists()


@pytest.mark.parametrize("name", ["later", "v2", "sha"])
def test_a_shallow_checkout_keeps_the_history_that_it_has(
    checkout: Path, origin: Path, tmp_path: Path, name: str
) -> None:
    git(tmp_path, "clone", "--quiet", "--depth=2", "--no-tags", f"file://{origin}", "shallow")
    checkout = detached(tmp_path / "shallow")
    later = goes_on(origin)
    before = state(checkout)
    assert find_commits(checkout, later if name == "sha" else name) == (0, f"base={later}\nhead=\n")
    after = state(checkout)
    cut = str(checkout / ".git" / "shallow")
    lines = [states["files"].pop(cut).splitlines() for states in (before, after)]  # type: ignore[attr-defined]
    assert after == before
    assert lines[1] == sorted([*lines[0], later.encode()])


def test_submodules_of_a_checkout_are_left_as_they_are(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which git fetches along with a commit that moves them."""
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")
    part, checkout = tmp_path / "part", tmp_path / "checkout"
    git(origin, "clone", "--quiet", f"file://{origin}", str(part))
    git(origin, *LOCAL, "submodule", "--quiet", "add", f"file://{part}", "part")
    git(origin, "commit", "--quiet", "--message=with a part")
    git(tmp_path, *LOCAL, "clone", "--quiet", "--recurse-submodules", f"file://{origin}", str(checkout))
    git(part, "commit", "--quiet", "--allow-empty", "--message=more")
    git(origin / "part", "fetch", "--quiet")
    git(origin / "part", "checkout", "--quiet", "origin/main")
    git(origin, "commit", "--quiet", "--all", "--message=with a later part")
    before = state(checkout)
    later = git(origin, "rev-parse", "main")
    assert find_commits(checkout, later) == (0, f"base={later}\nhead=\n")
    assert state(checkout) == before


def test_what_is_no_commit_branch_or_tag_is_refused_and_changes_nothing(checkout: Path, origin: Path) -> None:
    git(origin, "update-ref", "refs/pull/1/head", goes_on(origin))
    before = state(checkout)
    for number, name in enumerate(REFUSED):
        code, said = find_commits(checkout, *(("HEAD", name) if number % 2 else (name,)))
        assert code == 2, name
        assert f"{'head' if number % 2 else 'base'}: no such commit, branch or tag here or at origin: " in said
    assert state(checkout) == before
    assert not (checkout / "made").exists()
