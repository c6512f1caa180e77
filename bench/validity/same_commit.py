"""``python -m bench.validity.same_commit``: how often ``harness ab`` finds a difference where there is none.

One commit against itself on real servers in turn: sixty comparisons, in three quarters of an hour.
"""

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from bench.checking import Row, run_checks
from bench.validity.commits import said_of

ROOT: Final = Path(__file__).parents[2]
SERVERS: Final = ("aiohttp", "uvicorn", "node")  # of scenarios/frameworks.toml
ASKED: Final = 1 / 20  # of the comparisons, at most
QUICKLY: Final = ("--warmup", "300ms", "--duration", "1s", "--max-time", "40s")


def differences(topology: str, out: Path) -> list[str]:
    """Return the metrics by which this commit is called better or worse than itself."""
    words = ["scenarios/frameworks.toml", "--only", topology, "--base", "HEAD", "--head", "HEAD"]
    command = [sys.executable, "-m", "harness", "ab", *words, "--out", str(out), *QUICKLY]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    said = said_of(out / "latest", done.returncode)
    return [*(f"{metric} worse" for metric in said.worse), *(f"{metric} better" for metric in said.better)]


def check(times: int, out: Path) -> Iterator[Row]:
    """Compare so many times."""
    wrong = 0
    for number in range(times):
        topology = SERVERS[number % len(SERVERS)]
        found = differences(topology, out)
        wrong += bool(found)
        yield Row(f"{topology}, {number + 1}", ", ".join(found) or "no difference", "–", is_met=True)
    yield Row(f"{times} comparisons", f"{wrong} with a difference", f"≤ {ASKED:.0%}", wrong <= ASKED * times)


def main(
    out: Annotated[Path, typer.Argument(help="For the run folders.")],
    times: Annotated[int, typer.Option(help="Comparisons.")] = 60,
    table: Annotated[Path, typer.Option(help="The Markdown file.")] = Path("results/bench/same_commit.md"),
) -> None:
    """Compare a commit with itself again and again; the exit code is 1 where too many find a difference."""
    run_checks({"same": partial(check, times, out.resolve())}, None, table)


if __name__ == "__main__":
    typer.run(main)
