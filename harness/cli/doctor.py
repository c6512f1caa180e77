"""The verb that tells what about this machine spoils measurements."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import TypeAdapter
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.cli.usage import usage_errors
from harness.doctor.check import Check, Status
from harness.doctor.checkup import checkup
from harness.machine.host import Host
from harness.scenario import Scenario, load_scenario

# In the order in which they are shown.
STYLES: Final[dict[Status, str]] = {"warn": "yellow", "unknown": "cyan", "ok": "green"}


def doctor_command(
    file: Annotated[
        Path | None,
        typer.Argument(help="A scenario, whose connections, rate, workers and generator the machine has to bear."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as a JSON list instead.")] = False,
) -> None:
    """Tell what about this machine spoils measurements, and what to do about it.

    Warnings are advice: the exit code is 0 with them too, and 2 for a scenario that can't be used.
    """
    with usage_errors():
        scenario = None if file is None else load_scenario(file)
    checks = checkup(Host.here(), scenario)
    if as_json:
        typer.echo(TypeAdapter(list[Check]).dump_json(checks, indent=2).decode())
        return
    console = Console()
    console.print(checks_table(checks))
    console.print(_closing(checks, scenario), highlight=False)


def checks_table(checks: list[Check]) -> Table:
    """For the terminal: what there is to mend first, with its advice below it."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("check", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("what was found, and what to do about it")
    for check in sorted(checks, key=lambda check: list(STYLES).index(check.status)):
        told = Text(check.what)
        if check.advice is not None:
            told.append(f"\n→ {check.advice}")
        table.add_row(check.name, Text(check.status, style=STYLES[check.status]), told)
    return table


def _closing(checks: list[Check], scenario: Scenario | None) -> str:
    counts = Counter(check.status for check in checks)
    told = ", ".join(f"{counts[status]} {status}" for status in STYLES if counts[status])
    return told if scenario else f"{told}. Name a scenario to check its demands too."
