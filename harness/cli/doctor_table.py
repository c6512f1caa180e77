"""The checks of this machine, for the terminal."""

from collections import Counter
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from harness.doctor.check import Check, Status
from harness.scenario import Scenario

# In the order in which they are shown.
STYLES: Final[dict[Status, str]] = {"warn": "yellow", "unknown": "cyan", "ok": "green"}


def checks_table(checks: list[Check]) -> Table:
    """Return the table for the terminal: what there is to mend first, with its advice below it."""
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


def closing_line(checks: list[Check], scenario: Scenario | None) -> str:
    counts = Counter(check.status for check in checks)
    told = ", ".join(f"{counts[status]} {status}" for status in STYLES if counts[status])
    return told if scenario else f"{told}. Name a scenario to check its demands too."
