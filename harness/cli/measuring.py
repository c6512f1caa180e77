"""Measuring from the command line: with a display, and with the command that repeats it in the record."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console

from harness.cli.progress import LiveDisplay, PlainDisplay, is_live
from harness.cli.usage import ARGUMENTS
from harness.measure.compare import compare
from harness.measure.preparation import PreparedRun
from harness.measure.testbed import Testbed
from harness.text import printable


def measure(
    context: typer.Context,
    console: Console,
    prepared: PreparedRun,
    out: Path,
    others: Sequence[Path] = (),
    testbed: Testbed | None = None,
) -> Path:
    """Make the trials on the testbed, by default this machine, showing on the console how it goes; return the run
    folder. ``others`` are the scenarios of the command line that are measured in runs of their own."""
    with display(console, prepared) as observer:
        return compare(prepared, out, command_to_repeat(context, prepared.seed, others), observer, testbed)


def display(console: Console, prepared: PreparedRun) -> LiveDisplay | PlainDisplay:
    """Return what shows a comparison: live for people, lines for logs."""
    return (LiveDisplay if is_live(console) else PlainDisplay)(console, prepared)


def print_skipped(console: Console, prepared: PreparedRun) -> None:
    """Print the topologies whose programs are missing, a line each."""
    print_doubts(console, [f"{topology.name} skipped: {topology.reason}" for topology in prepared.skipped])


def print_doubts(console: Console, lines: list[str]) -> None:
    """Print lines that somebody ought to read."""
    for line in lines:
        console.print(printable(line), style="yellow", markup=False, highlight=False, soft_wrap=True)


def command_line(context: typer.Context) -> str:
    """Return the command as it was given."""
    return shlex.join(["harness", *context.meta[ARGUMENTS]])


def command_to_repeat(context: typer.Context, seed: int, others: Sequence[Path] = ()) -> str:
    """Return the command that makes this run again, its seed included, and without ``others``."""
    verb, *words = context.meta[ARGUMENTS]
    arguments = [word for word in words if Path(word) not in others]
    is_given = context.params.get("seed") is not None
    return shlex.join(["harness", verb, *([] if is_given else ["--seed", str(seed)]), *arguments])
