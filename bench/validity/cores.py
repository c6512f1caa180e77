"""``python -m bench.validity.cores``: how evenly a core works, by how much memory the work goes through.

One process on one core does a piece of work again and again, in turns that belong to two sides alternately, as they do
to the servers of two commits (:mod:`harness.measure.turns`). Both sides do the same, so what their ratio scatters by,
from one rotation to the next, is the machine's: it bounds what a comparison in turns can show. Two to three minutes.
"""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer

from bench.checking import Row, run_checks
from harness.measure.turns import TURN_OF_PAIR_S
from harness.units import NS_PER_S

TURNS: Final = 50  # of each side in a rotation
KIBIBYTES: Final = (32, 128, 256, 512, 2048, 16384)  # half is read in disorder, half written
ITEM_BYTES: Final = 8
SEED: Final = 1


def arithmetic() -> None:
    """Add numbers up, with next to no memory."""
    sum(range(1000, 11_000))


def walk(kibibytes: int) -> Callable[[], None]:
    """Return work that goes through so much memory in an order that no prefetcher foresees."""
    order = np.random.default_rng(SEED).permutation(kibibytes * 1024 // 2 // ITEM_BYTES)
    found = np.empty_like(order)

    def gather() -> None:
        order.take(order, out=found, mode="clip")

    return gather


def turn_ns(work: Callable[[], None]) -> float:
    """Return the CPU time of a piece of the work, by one turn of it."""
    begin_ns, pieces = time.process_time_ns(), 0
    while (passed_ns := time.process_time_ns() - begin_ns) < NS_PER_S * TURN_OF_PAIR_S:
        work()
        pieces += 1
    return passed_ns / pieces


def check(work: Callable[[], None], name: str, rotations: int) -> Iterator[Row]:
    """Let two sides take turns at the same work, and tell what the ratio of the two scatters by."""
    turns = np.array([[[turn_ns(work) for _ in range(2)] for _ in range(TURNS)] for _ in range(rotations)])
    logs = np.log(turns.mean(axis=1))
    scatter, within = np.std(logs[:, 0] - logs[:, 1], ddof=1), np.std(np.log(turns))
    yield Row(name, f"rotations {scatter:.2%}, turns {within:.1%}", "–", is_met=True)


def main(
    rotations: Annotated[int, typer.Option(help="For each kind of work, half a second each.")] = 30,
    core: Annotated[int, typer.Option(help="Where to work.")] = 0,
    only: Annotated[str | None, typer.Option(metavar="WORK,WORK")] = None,
    out: Annotated[Path, typer.Option(help="The Markdown file.")] = Path("results/bench/cores.md"),
) -> None:
    """Tell by how much equal work on one core scatters, in turns."""
    os.sched_setaffinity(0, {core})
    works = {"arithmetic": arithmetic, **{f"{size}KiB": walk(size) for size in KIBIBYTES}}
    run_checks({name: partial(check, work, name, rotations) for name, work in works.items()}, only, out)


if __name__ == "__main__":
    typer.run(main)
