"""``python -m bench.validity.commits``: whether ``harness ab`` is right about real commits, at its default settings.

Each kind of change is a commit of a scratch repository, judged three times on a quiet machine, and once beside a
process that keeps one core busy for 60 % of the time. Up to five hours; the run folders stay.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from bench.checking import Row, run_checks
from bench.validity import service
from bench.validity.service import Service
from harness.analysis.metrics import CPU
from harness.record import read_run
from harness.report.run_report import RunReport
from harness.stats.verdict import Verdict

QUIET, BUSY = "quiet", "beside a busy process"
STEPS: Final = 10_000  # of work for each request, about half a millisecond
SLOWDOWN: Final = 0.15
GATE_FAILED: Final = 3
NEIGHBOUR: Final = """
import os, time
os.nice(10)
while True:
    until = time.monotonic() + 0.06
    while time.monotonic() < until: pass
    time.sleep(0.04)
"""
SCENARIO: Final = """
name = "service"

[load]
path = "/"
connections = 16

[[topology]]
name = "raw"
command = ["{harness_python}", "service.py", "{port}"]
"""
USUAL: Final = Service(STEPS)
WAITING: Final = Service(STEPS, wait_s=0.02)  # 16 connections leave it time


@dataclass(frozen=True)
class Kind:
    """One change: the service before and after it, the metrics that have to be called worse, and those that may be
    called different as well, since they follow."""

    before: Service
    after: Service
    worse: frozenset[str] = frozenset()
    may_differ: frozenset[str] = frozenset()
    exit_code: int = GATE_FAILED


@dataclass(frozen=True)
class Said:
    """What a run said of the change."""

    exit_code: int
    first_line: str
    worse: set[str] = field(default_factory=set)
    better: set[str] = field(default_factory=set)

    def is_wrong(self, kind: Kind) -> bool:
        """Check whether somebody who believes it is misled: a difference that is none, or a gate that passed or failed
        as it must not."""
        invented = (self.worse | self.better) - kind.worse - kind.may_differ
        return bool(invented or self.better & kind.worse or self.exit_code in {0, GATE_FAILED} - {kind.exit_code})

    def is_right(self, kind: Kind) -> bool:
        """Check whether it names all that got worse, nothing else, and ends as the gates have it."""
        return not self.is_wrong(kind) and self.worse >= kind.worse and self.exit_code == kind.exit_code

    @property
    def text(self) -> str:
        """The first sentence and the exit code."""
        return f"{self.first_line} ({self.exit_code})"


def kinds(slower_steps: int) -> dict[str, Kind]:
    """Return the changes; so many steps of work take 15 % more CPU time for each request."""
    latency = frozenset({"p50", "p99"})
    speed = latency | {"throughput"}
    return {
        "no-change": Kind(USUAL, USUAL, exit_code=0),
        "cpu-saturated": Kind(
            USUAL, replace(USUAL, steps=slower_steps), frozenset({"cpu_per_request", "throughput"}), latency
        ),
        "cpu-waiting": Kind(WAITING, replace(WAITING, steps=slower_steps), frozenset({"cpu_per_request"}), speed),
        # A sleep costs CPU too, a timer and one more turn of the loop: 0.65 % ± 0.20 of what the same work takes (40
        # pairs of launches beside wrk), and the saturated service serves as many fewer.
        "sleep": Kind(USUAL, replace(USUAL, sometimes_wait_s=0.03), frozenset({"p99"}), speed | {"cpu_per_request"}),
        "leak": Kind(USUAL, replace(USUAL, kept_bytes=4096), frozenset({"memory_growth"}), speed | {"memory"}),
        "errors": Kind(USUAL, replace(USUAL, fails=True), frozenset({"errors"}), speed | {"cpu_per_request"}),
        "start": Kind(USUAL, replace(USUAL, start_s=3.0), frozenset({"ready"}), exit_code=0),
        "memory": Kind(USUAL, replace(USUAL, held_bytes=40 << 20), frozenset({"memory"}), frozenset({"ready"})),
    }


def git(repository: Path, *words: str) -> None:
    """Let git do something in the repository."""
    by = ("-c", "user.name=Somebody", "-c", "user.email=somebody@localhost")
    subprocess.run(["git", "-C", str(repository), *by, *words], check=True, capture_output=True)


def commit(repository: Path, settings: Service) -> None:
    """Commit the service with these settings."""
    (repository / "settings.json").write_text(json.dumps(asdict(settings), indent=2), encoding="utf-8")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "Change a setting")


def judge(kind: Kind, folder: Path, *options: str) -> Said:
    """Return what ``harness ab`` says of the change; the repository and the run stay in the folder."""
    repository = folder / "repository"
    repository.mkdir(parents=True)
    git(repository, "init", "--quiet")
    (repository / "service.py").write_bytes(Path(service.__file__).read_bytes())
    (repository / "scenario.toml").write_text(SCENARIO, encoding="utf-8")
    commit(repository, kind.before)
    commit(repository, kind.after)
    words = ["ab", "scenario.toml", "--base", "HEAD~", "--head", "HEAD", "--out", str(folder)]
    command = [sys.executable, "-m", "harness", *words, *options]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    (folder / "output.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    return said_of(folder / "latest", done.returncode)


def said_of(run: Path, exit_code: int) -> Said:
    """Return what a run says."""
    report = RunReport(read_run(run))
    return Said(
        exit_code,
        report.headline.split("**")[1],
        {row.metric.name for row in report.rows if row.verdict is Verdict.WORSE},
        {row.metric.name for row in report.rows if row.verdict is Verdict.BETTER},
    )


def steps_of_slowdown(folder: Path) -> int:
    """Return the steps of work that take 15 % more CPU time for each request, measured by doubling them."""
    doubled = Kind(USUAL, replace(USUAL, steps=2 * STEPS))
    judge(doubled, folder, "--rounds", "5", "--duration", "1s")
    (ratio,) = (row.ratio for row in RunReport(read_run(folder / "latest")).rows if row.metric is CPU)
    assert ratio is not None, "the calibration measured nothing"
    return round(STEPS * (1 + SLOWDOWN / (ratio.value - 1)))


@contextlib.contextmanager
def neighbour() -> Iterator[None]:
    """Keep one core busy for 60 % of the time."""
    with subprocess.Popen([sys.executable, "-I", "-c", NEIGHBOUR]) as process:
        try:
            yield
        finally:
            process.kill()


def check(name: str, kind: Kind, times: int, max_time: str, folder: Path) -> Iterator[Row]:
    """Judge the change so many times on a quiet machine, and once beside the neighbour."""
    for number in range(1, times + 1):
        said = judge(kind, folder / f"{name}-{number}", "--max-time", max_time)
        yield Row(f"{name}, {QUIET}, {number}", said.text, _asked(kind), said.is_right(kind))
    with neighbour():
        said = judge(kind, folder / f"{name}-busy", "--max-time", max_time)
    yield Row(f"{name}, {BUSY}", said.text, "not wrong", not said.is_wrong(kind))


def _asked(kind: Kind) -> str:
    return f"worse: {', '.join(sorted(kind.worse)) or 'nothing'} ({kind.exit_code})"


def main(
    folder: Annotated[Path, typer.Argument(help="For the repositories and runs; a new one.")],
    times: Annotated[int, typer.Option(help="On a quiet machine.")] = 3,
    max_time: Annotated[str, typer.Option(help="Of each run; as usual.")] = "10m",
    only: Annotated[str | None, typer.Option(metavar="KIND,KIND")] = None,
    out: Annotated[Path, typer.Option(help="The Markdown file.")] = Path("results/bench/commits.md"),
) -> None:
    """Judge changes whose effect is known; the exit code is 1 where a verdict is not right, or wrong beside others."""
    folder = folder.resolve()
    folder.mkdir(parents=True)
    each = kinds(steps_of_slowdown(folder / "calibration"))
    run_checks({name: partial(check, name, kind, times, max_time, folder) for name, kind in each.items()}, only, out)


if __name__ == "__main__":
    typer.run(main)
