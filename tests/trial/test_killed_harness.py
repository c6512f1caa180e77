"""However the harness ends, what it had measured is on disk and no process of it goes on."""

import contextlib
import os
import pty
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
import pytest

from harness.record import read_run
from tests.granting import groups_left, needs_limits
from tests.interrupts import heeding_interrupts
from tests.server.family import MARK, Family
from tests.server.polling import PATIENCE_S, wait_until
from tests.server.topologies import ROOT, SERVERS
from tests.trial.shops import path_with_postgres, shop_text

pytestmark = [pytest.mark.compares, pytest.mark.faults]

SCENARIO: Final = f"""
name = "killed"
rounds = 3

[load]
connections = 4
threads = 2
warmup = 0
duration = "700ms"

[[topology]]
name = "daemon"
command = ["{{harness_python}}", "-m", "{SERVERS}.leaves_daemon", "--port", "{{port}}"]
pass_env = ["{MARK}"]

[[topology]]
name = "prefork"
workers = [2]
command = ["{{harness_python}}", "-m", "{SERVERS}.prefork", "--port", "{{port}}", "--workers", "{{workers}}"]
pass_env = ["{MARK}"]
"""
PLANNED: Final = 6
SERVICE: Final = f"""
[[service]]
name = "beside"
command = ["{{harness_python}}", "-m", "{SERVERS}.page", "--port", "{{port}}"]
pass_env = ["{MARK}"]
"""
NEVER_READY: Final = 'ready_log = "never"\n'
PREPARES: Final = """
prepare = ["{harness_python}", "-c", "import time; time.sleep(60)", "under-way", "{folder}"]
"""
HOOK: Final = f"""
[hooks.before_trial]
command = ["{{harness_python}}", "-c", "import time; time.sleep(60)", "under-way"]
pass_env = ["{MARK}"]
"""


LIMITED: Final = f"""
name = "limited"
rounds = 3
[[topology]]
name = "limited"
cpus = 1
memory = "256MB"
pass_env = ["{MARK}"]
[[topology.process]]
command = ["{{harness_python}}", "-m", "{SERVERS}.page", "--port", "{{port}}"]
[[topology.process]]
role = "helper"
command = ["{{harness_python}}", "-m", "{SERVERS}.page", "--port", "{{port}}"]
"""


class Comparison:
    """``harness compare`` as a process of its own."""

    def __init__(self, process: "subprocess.Popen[bytes]", results: Path, said: Path) -> None:
        self.process = process
        self.folder = results / "latest"
        self._said = said

    @property
    def said(self) -> str:
        """All that it wrote."""
        return self._said.read_text()

    def records(self) -> int:
        """How many trials are on disk."""
        trials = self.folder / "trials.jsonl"
        return len(trials.read_text().splitlines()) if trials.exists() else 0

    def measuring(self) -> list[psutil.Process]:
        """Every process that it has started, once its generator has connections to a server; none before.

        That is in the window, since there is no warm-up.
        """
        assert self.process.poll() is None, self.said
        started = psutil.Process(self.process.pid).children(recursive=True)
        return started if any(map(is_loading, started)) else []

    def end_with(self, signum: int) -> int:
        """Send the signal to the harness alone; return how it ended."""
        os.kill(self.process.pid, signum)
        return self.process.wait(PATIENCE_S)


def is_loading(process: psutil.Process) -> bool:
    """Whether the process is a generator with more sockets than the pipe to who started it."""
    with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError):
        fds = Path(f"/proc/{process.pid}/fd").iterdir()
        return "harness.generator" in process.cmdline() and sum(map(is_socket, fds)) > 1
    return False


def is_socket(fd: Path) -> bool:
    """Whether the open file is a socket."""
    return os.readlink(fd).startswith("socket:")


@contextmanager
def comparing(tmp_path: Path, beside: str = "", scenario: str = SCENARIO) -> Iterator[Comparison]:
    """A comparison under way, and what else stands in its scenario."""
    file, results, said = tmp_path / "killed.toml", tmp_path / "results", tmp_path / "said"
    file.write_text(scenario + beside)
    with (
        said.open("wb") as output,
        heeding_interrupts(),
        subprocess.Popen(
            [sys.executable, "-m", "harness", "compare", str(file), "--out", str(results)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Comparison(process, results, said)
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("signum", "code"),
    [
        (signal.SIGKILL, -signal.SIGKILL),
        (signal.SIGTERM, -signal.SIGTERM),
        (signal.SIGINT, 130),
    ],
    ids=["SIGKILL", "SIGTERM", "SIGINT"],
)
def test_a_signal_in_the_middle_keeps_what_was_measured_and_ends_every_process(
    signum: int, code: int, tmp_path: Path, family: Family
) -> None:
    with comparing(tmp_path) as comparison:
        wait_until(comparison.records, "the first record")
        started = wait_until(comparison.measuring, "the next trial")
        assert comparison.end_with(signum) == code, comparison.said
    assert len(started) >= 4  # generator, guardian, and at least two of a server
    wait_until(lambda: not any(map(lives, started)), "its processes to be gone")
    wait_until(lambda: not family.alive(), "later processes to be gone")
    made = read_run(comparison.folder)
    assert 1 <= len(made.records) < PLANNED == len(made.info.trials)
    assert {record.status for record in made.records} == {"ok"}
    assert made.left_out == []
    assert (comparison.folder / "report.md").exists() == (signum == signal.SIGINT)
    assert "Traceback" not in comparison.said


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("beside", "word"),
    [
        (SERVICE + PREPARES, "under-way"),
        (SERVICE + NEVER_READY, f"{SERVERS}.page"),
        (SERVICE + HOOK, "under-way"),
        (SERVICE, f"{SERVERS}.prefork"),
    ],
    ids=["service prepared", "service starting", "hook", "trial"],
)
def test_services_and_hooks_end_with_the_harness(
    beside: str, word: str, signum: int, tmp_path: Path, family: Family
) -> None:
    with comparing(tmp_path, beside) as comparison:
        (first, *_) = wait_until(lambda: family.alive(word), "what is to be there when it ends")
        folder = Path(first.cmdline()[-1])
        comparison.end_with(signum)
    wait_until(lambda: not family.alive(), "its processes to be gone")
    wait_until(lambda: not folder.is_dir(), "its folder to be gone")
    assert "Traceback" not in comparison.said


@pytest.mark.parametrize("word", ["initdb", "postgres", "servers.django_shop", "nginx"])
def test_nothing_of_a_shop_is_left_at_whatever_phase_the_harness_is_killed(
    word: str, tmp_path: Path, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its database is being made or starts, its table is filled, or it is up behind its front."""
    monkeypatch.setenv("PATH", path_with_postgres())
    with comparing(tmp_path, scenario=shop_text(MARK)) as comparison:
        wait_until(lambda: _fronts() if word == "nginx" else family.alive(word), f"{word} to run")
        comparison.end_with(signal.SIGKILL)
    wait_until(lambda: not family.alive() and not _fronts(), "its processes to be gone")
    assert "Traceback" not in comparison.said


def _fronts() -> list[psutil.Process]:
    """The nginx that harnesses started, which writes its title over the environment that would tell whose it is."""
    return [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "nginx" and "/harness-" in " ".join(process.info["cmdline"] or [])
    ]


@needs_limits
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT])
def test_several_commands_with_limits_leave_neither_processes_nor_groups(
    signum: int, tmp_path: Path, family: Family
) -> None:
    with comparing(tmp_path, scenario=LIMITED) as comparison:
        wait_until(lambda: len(family.alive(f"{SERVERS}.page")) == 2, "its commands")
        assert groups_left()
        comparison.end_with(signum)
    wait_until(lambda: not family.alive(), "its processes to be gone")
    wait_until(lambda: not groups_left(), "its groups to be gone")


def test_a_second_interrupt_ends_it_at_once(tmp_path: Path, family: Family) -> None:
    with comparing(tmp_path) as comparison:
        wait_until(comparison.records, "the first record")
        wait_until(comparison.measuring, "the next trial")
        os.kill(comparison.process.pid, signal.SIGINT)
        wait_until((comparison.folder / "ending.json").exists, "it to be heeded")
        # By the signal itself in the midst of an import, which a shell calls 130 too.
        assert comparison.end_with(signal.SIGINT) in (130, -signal.SIGINT), comparison.said
    wait_until(lambda: not family.alive(), "its processes to be gone")
    assert read_run(comparison.folder).records
    assert not (comparison.folder / "report.md").exists()
    assert "Traceback" not in comparison.said


def test_a_shell_that_is_gone_takes_it_along(tmp_path: Path, family: Family) -> None:
    """The shell leads the session of a terminal: when it ends, the kernel hangs up on those in the foreground."""
    file, results = tmp_path / "killed.toml", tmp_path / "results"
    file.write_text(SCENARIO)
    terminal, shells_end = pty.openpty()
    harness = shlex.join([sys.executable, "-m", "harness", "compare", str(file), "--out", str(results)])
    with (
        open(shells_end, "rb") as stdin,
        (tmp_path / "said").open("wb") as output,
        subprocess.Popen(
            ["setsid", "--ctty", "sh", "-c", f"{harness}; true"], cwd=ROOT, stdin=stdin, stdout=output, stderr=output
        ) as shell,
    ):
        comparison = Comparison(shell, results, tmp_path / "said")
        wait_until(comparison.records, "the first record")
        shell.kill()
    wait_until(lambda: not family.alive(), "its processes to be gone")
    os.close(terminal)
    assert read_run(comparison.folder).records


def lives(process: psutil.Process) -> bool:
    """Whether the process runs, and is not only still to be reaped."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_an_interrupt_before_the_first_record_ends_well(tmp_path: Path, family: Family) -> None:
    with comparing(tmp_path) as comparison:
        wait_until(comparison.folder.exists, "the run folder")
        wait_until(comparison.measuring, "the first trial")
        assert comparison.end_with(signal.SIGINT) == 130, comparison.said
    assert family.alive() == []
    assert read_run(comparison.folder).records == []
    assert "Traceback" not in comparison.said


def test_an_interrupt_while_slices_are_tried_leaves_nothing(tmp_path: Path, family: Family) -> None:
    with comparing(tmp_path) as comparison:
        wait_until(comparison.measuring, "the try")
        assert comparison.end_with(signal.SIGINT) == 130, comparison.said
    assert family.alive() == []
    assert not comparison.folder.exists()
    assert "Traceback" not in comparison.said
