"""Checks of figures against what is so or was asked: run one after another, told as they go, kept as a table."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One figure: what was checked, what was found, what is so or was asked, and whether that is met."""

    what: str
    said: str
    asked: str
    is_met: bool


Checks = Mapping[str, Callable[[], Iterator[Row]]]


def run_checks(checks: Checks, only: str | None, out: Path) -> None:
    """Run those named in ``only``, or all, and write the table; ends the program with 1 where one is not met."""
    names = list(checks) if only is None else only.split(",")
    if unknown := set(names) - set(checks):
        raise typer.BadParameter(f"no such check: {', '.join(sorted(unknown))}", param_hint="--only")
    console = Console()
    rows: list[Row] = []
    for name in names:
        for row in checks[name]():
            verdict = "met   " if row.is_met else "missed"
            console.print(f"{verdict}  {row.what}: {row.said} ({row.asked})", soft_wrap=True, highlight=False)
            rows.append(row)
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8") as file:
        Console(file=file, width=200).print(_table(rows))
    raise typer.Exit(0 if all(row.is_met for row in rows) else 1)


def _table(rows: list[Row]) -> Table:
    table = Table("what", "said", "true or asked", "", box=MARKDOWN)
    for row in rows:
        table.add_row(row.what, row.said, row.asked, "met" if row.is_met else "**missed**")
    return table
