"""What one request costs the load generator, beside its peers: the server on one core, the generator on the other.

Every tool runs once against every target in each round. Run as ``python -m bench.peers``; it prints a table for each
target and writes one Markdown file. CPU is user and system time: of the whole process tree for most peers, and of the
measured window for ours and for Locust, whose start imports Python packages.
"""

import resource
import shutil
import sys
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import track

from bench.running import Run, run
from bench.summary import Row, summarise
from bench.table import document, failures, markdown, table
from bench.targets import MANY, Target, running_targets
from bench.tools import TOOLS, WRK, Load, Tool
from harness.machine.cores import UsableCores
from harness.machine.environment import describe_environment

DESCRIPTORS: Final = 4 * MANY  # a connection each, and what a tool opens besides

Runs = dict[Target, dict[str, list[Run]]]  # by target and tool's name, one for each round


def measure(tools: Sequence[Tool], targets: Sequence[Target], rounds: int, duration_s: int, console: Console) -> Runs:
    """Alternating rounds. Each begins with another tool: who goes first has been seen to matter more than who it is."""
    measured: Runs = {target: {tool.name: [] for tool in tools} for target in targets}
    order = deque(tools)
    for _ in track(range(rounds), description="rounds", console=console, disable=not console.is_terminal):
        for target in targets:
            load = Load(target.url, target.connections, duration_s)
            for tool in order:
                measured[target][tool.name].append(run(tool, load))
        order.rotate()
    return measured


def summaries(measured: Runs, versions: dict[str, str]) -> dict[Target, list[Row]]:
    """The rows of each target, in the tools' own order."""
    return {
        target: [summarise(name, versions[name], runs, by_tool.get(WRK, [])) for name, runs in by_tool.items()]
        for target, by_tool in measured.items()
    }


def chosen(only: str | None) -> list[Tool]:
    """The tools asked for, or all of them."""
    if only is None:
        return list(TOOLS)
    names = only.split(",")
    if unknown := set(names) - {tool.name for tool in TOOLS}:
        raise typer.BadParameter(f"no such tool: {', '.join(sorted(unknown))}", param_hint="--only")
    return [tool for tool in TOOLS if tool.name in names]


def check_machine(descriptors: int) -> None:
    """End with one message where the bench can't run, and allow for so many files, here and in what is started."""
    missing = [program for program in ("nginx", "taskset") if shutil.which(program) is None]
    if missing or UsableCores.here().count < 2:
        sys.exit(f"the bench needs two cores and {' and '.join(missing) or 'nginx and taskset'}")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < descriptors:
        wanted = descriptors if hard == resource.RLIM_INFINITY else min(descriptors, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, each of every tool once on every target.")] = 5,
    duration: Annotated[int, typer.Option(min=1, metavar="SECONDS", help="Of every run.")] = 3,
    only: Annotated[str | None, typer.Option(metavar="TOOL,TOOL", help="These tools alone.")] = None,
    out: Annotated[Path, typer.Option(help="The Markdown file.")] = Path("results/bench/peers.md"),
) -> None:
    """Measure, print a table for each target, and write them all to one file."""
    check_machine(DESCRIPTORS)
    console = Console()
    environment = describe_environment()
    tools = [tool for tool in chosen(only) if tool.installed]
    missing = [tool.name for tool in chosen(only) if not tool.installed]
    if missing:
        console.print(f"not installed and left out: {', '.join(missing)}")
    if not tools:
        sys.exit("no tool is left")
    versions = {tool.name: tool.version() for tool in tools}
    with running_targets() as targets:
        results = summaries(measure(tools, targets, rounds, duration, console), versions)
    for target, rows in results.items():
        lines = [
            f"\n{target.title}; medians of {rounds} alternating runs of {duration} s",
            markdown(table(rows)),
            *failures(rows),
        ]
        console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(
        document(
            environment=environment,
            measured_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            rounds=rounds,
            duration_s=duration,
            missing=missing,
            results=results,
            tools=tools,
        )
    )
    console.print(f"\nwritten to {out}")


if __name__ == "__main__":
    typer.run(main)
