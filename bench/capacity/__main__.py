"""``python -m bench.capacity``: every check in turn, an hour. Nothing else must run meanwhile."""

from pathlib import Path
from typing import Annotated, Final

import typer

from bench.capacity import checks
from bench.checking import Checks, run_checks

CHECKS: Final[Checks] = {
    "one-line": checks.one_line,
    "foretold": checks.foretold,
    "again": checks.again,
    "expected": checks.expected,
}


def main(
    only: Annotated[str | None, typer.Option(metavar="CHECK,CHECK", help=f"Of {', '.join(CHECKS)}.")] = None,
    out: Annotated[Path, typer.Option(help="The Markdown file.")] = Path("results/bench/capacity.md"),
) -> None:
    """Check what is said of capacities against what is so; the exit code is 1 where it is not."""
    run_checks(CHECKS, only, out)


if __name__ == "__main__":
    typer.run(main)
