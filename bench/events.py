"""``python -m bench.events``: whether requests that reloads lose are those that the servers did not answer.

Twenty reloads each of gunicorn, which lets its workers end what they have begun, and of a Node cluster that closes at
once; about four minutes.
"""

import statistics
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer

from bench.checking import Checks, Row, run_checks
from bench.reloads import GUNICORN, NODE, Reloading, disagreement, reload_once

RELOADS: Final = 20


def count_lost(reloading: Reloading) -> Iterator[Row]:
    """Reload the server again and again, at another moment each time."""
    lost, apart = list[int](), list[int]()
    with TemporaryDirectory() as folder:
        for number in range(RELOADS):
            log = Path(folder, f"{number}.log")
            record = reload_once(reloading, log, at_s=1.5 + 0.05 * number)
            lost.append(record.load.errors.total if record.load else 0)
            apart.append(disagreement(reloading, record, log))
    found = f"{statistics.mean(lost):.1f} lost on average, {min(lost)} to {max(lost)}; apart by {max(apart)} at most"
    yield Row(f"{RELOADS} reloads of a {reloading.name}", found, "0 apart", max(apart) == 0)


CHECKS: Final[Checks] = {
    "gunicorn": lambda: count_lost(GUNICORN),
    "node": lambda: count_lost(NODE),
}


def main(
    only: Annotated[str | None, typer.Option(metavar="CHECK,CHECK", help=f"Of {', '.join(CHECKS)}.")] = None,
    out: Annotated[Path, typer.Option(help="The Markdown file.")] = Path("results/bench/events.md"),
) -> None:
    """Count what reloads lose; the exit code is 1 where server and generator disagree."""
    run_checks(CHECKS, only, out)


if __name__ == "__main__":
    typer.run(main)
