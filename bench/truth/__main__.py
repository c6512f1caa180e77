"""``python -m bench.truth``: every check in turn, about three minutes and, for memory, twelve more."""

from pathlib import Path
from typing import Annotated, Final

import typer

from bench.checking import Checks, run_checks
from bench.truth import checks

CHECKS: Final[Checks] = {
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
    run_checks(CHECKS, only, out)


if __name__ == "__main__":
    typer.run(main)
