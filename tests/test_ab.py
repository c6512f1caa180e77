"""Two commits of a real service, side by side."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner, Result

from harness.cli import app
from harness.record import read_run
from tests.interrupts import heeding_interrupts
from tests.revisions.repository import SERVER, Repository, with_server
from tests.server.polling import PATIENCE_S, wait_until

pytestmark = [pytest.mark.compares, pytest.mark.usefixtures("undrawn")]

HARNESS: Final = [sys.executable, "-m", "harness"]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """One commit, tagged."""
    made = with_server(tmp_path / "service", settings="rounds = 3")
    made.git("tag", "before")
    return made


def environment(tmp_path: Path) -> dict[str, str]:
    """With a cache of its own."""
    summary = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    return os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), **summary}


@pytest.fixture
def ab(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``harness ab page.toml`` there; in this process, which is quicker."""
    monkeypatch.chdir(repository.path)
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    return lambda *options: CliRunner().invoke(app, ["ab", "page.toml", "--out", str(tmp_path / "results"), *options])


def assert_clean(repository: Repository, tmp_path: Path) -> None:
    """No worktree, and nothing in the cache."""
    assert repository.worktrees() == 1
    assert [path for path in (tmp_path / "cache" / "harness").rglob("*") if path.is_file()] == []


@pytest.mark.alone
def test_a_slower_head_fails_and_is_told_in_a_comment(
    repository: Repository, tmp_path: Path, ab: Callable[..., Result]
) -> None:
    repository.write("server.py", SERVER.format(work=3000))  # not committed: the working tree is measured
    done = ab("--base", "before", "--rounds", "4", "--format", "github")
    assert done.exit_code == 3, done.stderr
    assert done.stdout.startswith("<!-- harness: page -->\n")
    assert re.search(r"^\*\*Worse: .*(requests/s|CPU/request)", done.stdout, re.MULTILINE)
    assert "with uncommitted changes" in done.stdout
    assert (tmp_path / "summary.md").read_text() == done.stdout
    run = read_run(tmp_path / "results" / "latest")
    assert {record.topology for record in run.records} == {"raw-base", "raw-head"}
    assert [revision.is_changed for revision in run.info.revisions] == [False, True]
    again = CliRunner().invoke(app, ["report", str(run.path), "--format", "json"])
    assert again.exit_code == 0, again.stderr
    assert json.loads(again.stdout)["verdict"] == "failed"
    assert_clean(repository, tmp_path)


@pytest.mark.alone
def test_the_same_commit_is_no_slower(repository: Repository, tmp_path: Path, ab: Callable[..., Result]) -> None:
    done = ab("--base", "before", "--head", "main")
    assert done.exit_code in (0, 4, 5), done.output  # a few rounds may not tell
    assert "failed" not in done.stdout
    assert "Worse" not in done.stdout
    assert_clean(repository, tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--base", "nowhere"], "nowhere: no such commit, branch or tag here"),
        (["--base", "before", "--head", "nowhere"], "nowhere: no such commit"),
        (["--base", "before", "--fail-on", "throughput < 5%"], "--fail-on: expected a change with its sign"),
        (["--base", "before", "--fail-on", "speed < -5%"], "--fail-on: expected a limit of throughput"),
        (["--base", "before", "--only", "cluster-2"], "no topology named cluster-2"),
    ],
)
def test_what_can_not_be_used_ends_with_2_and_leaves_nothing(
    repository: Repository, tmp_path: Path, ab: Callable[..., Result], options: list[str], said: str
) -> None:
    done = ab(*options)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()
    assert_clean(repository, tmp_path)


def test_a_preparation_that_fails_ends_with_2(
    repository: Repository, tmp_path: Path, ab: Callable[..., Result]
) -> None:
    scenario = (repository.path / "page.toml").read_text()
    repository.write("page.toml", 'prepare = ["sh", "-c", "echo no compiler >&2; exit 3"]\n' + scenario)
    done = ab("--base", "before")
    assert done.exit_code == 2
    assert "before: prepare: sh -c 'echo no compiler >&2; exit 3' ended with 3:\nno compiler" in done.stderr
    assert_clean(repository, tmp_path)


@contextmanager
def comparing(repository: Repository, tmp_path: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """A comparison under way."""
    options = ["--base", "before", "--rounds", "50", "--interleave", "trials", "--out", str(tmp_path / "results")]
    arguments = [*HARNESS, "ab", "page.toml", *options]
    with (
        heeding_interrupts(),
        subprocess.Popen(
            arguments, cwd=repository.path, env=environment(tmp_path), stdout=subprocess.DEVNULL
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def test_an_interrupt_reports_what_there_is_and_leaves_nothing(repository: Repository, tmp_path: Path) -> None:
    with comparing(repository, tmp_path) as process:
        wait_until((tmp_path / "results/latest/trials.jsonl").exists, "the first record")
        process.send_signal(signal.SIGINT)
        assert process.wait(3 * PATIENCE_S) == 130  # the report is drawn, too
    assert (tmp_path / "results" / "latest" / "report.md").exists()
    assert_clean(repository, tmp_path)


def test_commits_that_both_answer_badly_are_not_judged(
    repository: Repository, tmp_path: Path, ab: Callable[..., Result]
) -> None:
    """A gate is not said to be broken when nothing was measured of either; what the checkouts lack may be the cause."""
    repository.write(".gitignore", ".env\n")
    repository.write(".env", "SHOP_DB=shop.db\n")
    text = (repository.path / "page.toml").read_text()
    text = text.replace("name =", 'start_timeout = "1s"\nname =', 1)
    repository.write("page.toml", text.replace("[load]", "[load]\nexpect_length = 1", 1))
    done = ab("--base", "before", "--rounds", "1")
    assert done.exit_code == 2, done.output
    assert "harness: nothing could be measured: " in done.stderr
    assert "GET / is answered with 5 bytes, not with 1" in done.stderr
    assert "The checkouts lack what git ignores: .env." in done.stdout


def test_the_commands_run_where_the_commit_is(
    repository: Repository, tmp_path: Path, ab: Callable[..., Result]
) -> None:
    """``{root}`` is the checkout, relative programs are its own, and what prepare made is there."""
    repository.write(
        "page.toml",
        (repository.path / "page.toml")
        .read_text()
        .replace('"{harness_python}", "server.py"', '"bin/serve", "{root}", "{harness_python}"')
        .replace('name = "page"', 'name = "page"\nprepare = ["sh", "-c", "chmod +x bin/serve; echo 5 > made"]', 1),
    )
    repository.write(
        "bin/serve", '#!/bin/sh\nset -e\ntest "$(pwd -P)" = "$1"; test -e made\nexec "$2" server.py "$3"\n'
    )
    repository.commit("Serve by a script")
    repository.git("tag", "--force", "before")
    done = ab("--base", "before", "--rounds", "1")
    records = read_run(tmp_path / "results" / "latest").records
    assert [record.status for record in records] == ["ok", "ok"], done.output
