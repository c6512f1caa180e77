"""``python -m bench.validity``: how often the verdicts are right, by simulation; about half an hour."""

from pathlib import Path
from typing import Annotated, Final

import typer

from bench.checking import Checks, run_checks
from bench.validity import checks

CHECKS: Final[Checks] = {
    "same": checks.same,
    "slower": checks.slower,
    "much-slower": checks.much_slower,
    "fixed": checks.fixed,
    "sliced-same": checks.sliced_same,
    "sliced-slower": checks.sliced_slower,
    "planned": checks.planned,
    "racing": checks.racing,
    "scaling": checks.scaling,
    "foretelling": checks.foretelling,
}


def main(
    only: Annotated[str | None, typer.Option(metavar="CHECK,CHECK", help=f"Of {', '.join(CHECKS)}.")] = None,
    out: Annotated[Path, typer.Option(help="The Markdown file.")] = Path("results/bench/validity.md"),
) -> None:
    """Check the statistics against simulated systems whose truth is known; the exit code is 1 where they fail."""
    run_checks(CHECKS, only, out)


if __name__ == "__main__":
    typer.run(main)
