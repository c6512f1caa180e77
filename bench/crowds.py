"""Many connections at once: good responses/s and memory of the load generator beside wrk's, alternating.

Run as ``python -m bench.crowds``; it prints a table and writes it to one Markdown file. nginx has one core and the
generator the other. Ten thousand connections are as many as one process can have where it may open 20,000 files, so
that both have a process for each ten thousand. wrk connects from one address alone, which has ports for some 28,000:
its processes take turns with two addresses of the same server.
"""

import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from bench.peers import check_machine
from bench.readings import read_wrk
from bench.running import GENERATOR_CORE
from bench.table import DASH, markdown
from bench.targets import HOST, HOSTS, nginx
from bench.tools import WRK
from harness.machine.environment import describe_environment

A_PROCESS: Final = 10_000  # connections
CROWDS: Final = (1_000, 10_000, 20_000, 40_000)
TIMEOUT_S: Final = 10  # a response that comes after it is an error of ours; wrk counts it as good
PATIENCE_S: Final = 60  # beyond the asked duration
KIB_PER_MIB: Final = 1024


@dataclass(frozen=True)
class Crowd:
    """What one generator made of so many connections: good responses/s, the memory at its peak of the largest of its
    processes, how long it measured."""

    rate_per_s: float
    peak_mib: float
    window_s: float


@dataclass(frozen=True)
class Row:
    """Medians of all rounds, and the ratios to wrk's rate of those in which wrk had a good response."""

    connections: int
    ours: Crowd
    wrk: Crowd
    ratios: tuple[float, ...]


def run_ours(port: int, connections: int, warmup_s: int, duration_s: int) -> Crowd:
    """One run of ``harness load``, whose source addresses are as many as it needs."""
    words = f"load http://{HOST}:{port}/12.txt -c {connections} --processes {processes_for(connections)}"
    times = f"--warmup {warmup_s}s -d {duration_s}s --timeout {TIMEOUT_S}s --json"
    [(output, peak_mib)] = _run_together(
        [[sys.executable, "-m", "harness", *words.split(), *times.split()]], warmup_s + duration_s
    )
    result = json.loads(output)
    return Crowd(result["ok"] / result["duration_s"], peak_mib, result["duration_s"])


def run_wrk(port: int, connections: int, duration_s: int) -> Crowd:
    """As many runs of wrk at a time as we have processes, the connections dealt to them."""
    processes = processes_for(connections)
    words = f"{WRK} -t1 -c{connections // processes} -d{duration_s}s --timeout {TIMEOUT_S}s --latency"
    hosts = (HOSTS[number % len(HOSTS)] for number in range(processes))
    done = _run_together([[*words.split(), f"http://{host}:{port}/12.txt"] for host in hosts], duration_s)
    return Crowd(
        sum(read_wrk(output).requests_per_s for output, _ in done),
        max(peak_mib for _, peak_mib in done),
        duration_s,
    )


def processes_for(connections: int) -> int:
    """How many share the connections."""
    return math.ceil(connections / A_PROCESS)


def _run_together(commands: Sequence[Sequence[str]], duration_s: int) -> list[tuple[str, float]]:
    """What each printed, and its memory (MiB) at the peak: of the largest of its processes."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = [Path(folder) / str(number) for number in range(len(commands))]
        started = []
        for command, output in zip(commands, outputs, strict=True):
            with output.open("wb") as file:
                pinned = ["taskset", "-c", GENERATOR_CORE, "timeout", str(duration_s + PATIENCE_S), *command]
                started.append(subprocess.Popen(pinned, stdout=file, stdin=subprocess.DEVNULL))
        peaks_mib = []
        for process in started:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                sys.exit(f"{process.args!r} ended with exit code {process.returncode}")
            peaks_mib.append(usage.ru_maxrss / KIB_PER_MIB)
        return [(output.read_text(), peak_mib) for output, peak_mib in zip(outputs, peaks_mib, strict=True)]


def measure(connections: int, rounds: int, warmup_s: int, duration_s: int) -> Row:
    """Alternate between the two, against the same server. wrk warms up within its own time."""
    ours, wrk = [], []
    with nginx(processes_for(connections)) as url:
        port = int(url.rpartition(":")[2])
        for _ in range(rounds):
            ours.append(run_ours(port, connections, warmup_s, duration_s))
            wrk.append(run_wrk(port, connections, warmup_s + duration_s))
    pairs = zip(ours, wrk, strict=True)
    ratios = tuple(sorted(one.rate_per_s / other.rate_per_s for one, other in pairs if other.rate_per_s))
    return Row(connections, _median(ours), _median(wrk), ratios)


def _median(crowds: Sequence[Crowd]) -> Crowd:
    return Crowd(
        *(statistics.median(getattr(each, name) for each in crowds) for name in ("rate_per_s", "peak_mib", "window_s"))
    )


def table(rows: Sequence[Row]) -> Table:
    """A row for each number of connections."""
    shown = Table(box=MARKDOWN)
    for name in ("connections", "good/s", "wrk", "÷ wrk", "min–max", "window s", "MiB/process", "wrk's"):
        shown.add_column(name, justify="right")
    for row in rows:
        shown.add_row(
            f"{row.connections:,}",
            f"{row.ours.rate_per_s:,.0f}",
            f"{row.wrk.rate_per_s:,.0f}",
            f"{statistics.median(row.ratios):.2f}" if row.ratios else DASH,
            f"{row.ratios[0]:.2f}–{row.ratios[-1]:.2f}" if row.ratios else DASH,
            f"{row.ours.window_s:.2f}",
            f"{row.ours.peak_mib:,.0f}",
            f"{row.wrk.peak_mib:,.0f}",
        )
    return shown


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each, alternating, for each number.")] = 3,
    warmup: Annotated[int, typer.Option(min=0, metavar="SECONDS", help="Before ours measures.")] = 6,
    duration: Annotated[int, typer.Option(min=1, metavar="SECONDS", help="Measured by ours.")] = 4,
    connections: Annotated[list[int] | None, typer.Option("-c", help="How many; may be given again.")] = None,
    out: Annotated[Path, typer.Option(help="The Markdown file.")] = Path("results/bench/crowds.md"),
) -> None:
    """Measure every number of connections, print the table and write it to a file."""
    check_machine(2 * A_PROCESS)
    if shutil.which(WRK) is None:
        sys.exit(f"the bench of many connections needs {WRK}")
    console = Console()
    rows = [measure(number, rounds, warmup, duration) for number in connections or CROWDS]
    about = (
        f"Medians of {rounds} alternating runs: {warmup} s of warm-up and {duration} s measured, wrk for both together;"
        f" timeout {TIMEOUT_S} s; harness {describe_environment().git_commit}."
    )
    text = f"# Many connections\n\n{about}\n\n{markdown(table(rows))}\n"
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text)


if __name__ == "__main__":
    typer.run(main)
