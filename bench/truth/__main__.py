"""``python -m bench.truth``: every check in turn, about three minutes and, for memory, twelve more."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from bench.truth import checks
from bench.truth.checks import Row

CHECKS: Final[dict[str, Callable[[], Iterator[Row]]]] = {
    "frozen": checks.frozen,
    "delayed": checks.delayed,
    "paced": checks.paced,
    "counted": checks.counted,
    "remembered": checks.remembered,
}


def main(
    only: Annotated[str | None, typer.Option(metavar="CHECK,CHECK", help=f"Of {', '.join(CHECKS)}.")] = None,
    out: Annotated[Path, typer.Option(help="The Markdown file.")] = Path("results/bench/truth.md"),
) -> None:
    """Check what the generator says against what is so; the exit code is 1 where it is not."""
    names = list(CHECKS) if only is None else only.split(",")
    if unknown := set(names) - set(CHECKS):
        raise typer.BadParameter(f"no such check: {', '.join(sorted(unknown))}", param_hint="--only")
    console = Console()
    rows: list[Row] = []
    for name in names:
        for row in CHECKS[name]():
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


if __name__ == "__main__":
    typer.run(main)
