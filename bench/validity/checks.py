"""What is asked of the statistics, and what the simulations found."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

import numpy as np

from bench.checking import Row
from bench.validity.comparisons import MOST_BLOCKS, Outcome, all_rounds, coverage, share, simulated
from bench.validity.scaling import coverage_at, foretold_at, speedup
from bench.validity.worlds import METRICS, SCATTER, WORLDS, recorded
from harness.stats.verdict import Verdict
from servers.machine_repairman import throughput_per_s

DIFFERENT: Final = (Verdict.BETTER, Verdict.WORSE)
RUNS_SAME, RUNS_SLOWER, RUNS_MUCH_SLOWER, RUNS_SCALING = 6000, 2000, 2000, 500
SLOWER_BY_5: Final = float(np.log(0.95))
SLOWER_BY_20: Final = float(np.log(0.80))
SYSTEMS: Final = (
    (0.0, 0.0),
    (0.02, 0.0),
    (0.1, 0.0),
    (0.3, 0.0),
    (0.02, 0.001),
    (0.05, 0.01),
    (0.1, 0.02),
    (0.0, 0.005),
)


def same() -> Iterator[Row]:
    """Two systems of which neither is faster: how often one is called so, and whether the interval holds 1."""
    for name, world in WORLDS.items():
        outcomes = simulated(world, 0.0, RUNS_SAME, seed=1)
        for metric in METRICS:
            wrong = share(outcomes, metric, *DIFFERENT)
            yield Row(f"{name}, no difference: {metric} called different", f"{wrong:.1%}", "≤ 2 %", wrong <= 0.02)
            yield _coverage(f"{name}, no difference", outcomes, metric)


def slower() -> Iterator[Row]:
    """A slowdown of 5 %, within 30 blocks, where the machine scatters by 7 %."""
    for name, world in WORLDS.items():
        outcomes = simulated(world, SLOWER_BY_5, RUNS_SLOWER, seed=2)
        seen = share(outcomes, "throughput", Verdict.WORSE)
        is_asked = world is not recorded  # which scatters as it did
        asked = f"≥ 90 % at a scatter of {SCATTER:.0%}" if is_asked else "–"
        yield Row(f"{name}, 5 % slower: seen in throughput", f"{seen:.1%}", asked, seen >= 0.9 or not is_asked)
        yield _coverage(f"{name}, 5 % slower", outcomes, "throughput")


def much_slower() -> Iterator[Row]:
    """A slowdown of 20 %: how long it takes to see it, against a fixed number of rounds, and how surely."""
    for name, world in WORLDS.items():
        outcomes = simulated(world, SLOWER_BY_20, RUNS_MUCH_SLOWER, seed=3)
        blocks = statistics.median(outcome.blocks for outcome in outcomes)
        is_asked = world is not recorded
        asked = f"≤ {MOST_BLOCKS // 2}, half of {MOST_BLOCKS}" if is_asked else "–"
        yield Row(f"{name}, 20 % slower: rounds", f"{blocks:.0f}", asked, blocks <= MOST_BLOCKS / 2 or not is_asked)
        seen = share(outcomes, "throughput", Verdict.WORSE)
        yield Row(f"{name}, 20 % slower: seen in throughput", f"{seen:.1%}", "≥ 90 %", seen >= 0.9)
        yield _coverage(f"{name}, 20 % slower", outcomes, "throughput")


def fixed() -> Iterator[Row]:
    """The same with a fixed number of rounds, judged once."""
    for name, world in WORLDS.items():
        outcomes = simulated(world, 0.0, RUNS_SAME, seed=4, judging=all_rounds)
        wrong = max(share(outcomes, metric, *DIFFERENT) for metric in METRICS)
        yield Row(f"{name}, 30 fixed rounds: most often called different", f"{wrong:.1%}", "≤ 2 %", wrong <= 0.02)


def scaling() -> Iterator[Row]:
    """Systems that follow Amdahl's law or the Universal Scalability Law, known at 1 to 4 workers, foretold at 8."""
    for sigma, kappa in SYSTEMS:
        found = coverage_at(8, sigma, kappa, RUNS_SCALING, np.random.default_rng(5))
        for what, part in (("speed-up", found.speedup), ("throughput", found.throughput)):
            yield Row(f"σ = {sigma:g}, κ = {kappa:g}: {what} of 8 held", f"{part:.1%}", "90–98 %", 0.9 <= part <= 0.98)


def foretelling() -> Iterator[Row]:
    """The same systems, and workers that queue for a lock, which follow neither law exactly: what is measured at 8."""
    systems: dict[str, Callable[[int], float]] = {
        f"σ = {sigma:g}, κ = {kappa:g}": partial(speedup, sigma=sigma, kappa=kappa) for sigma, kappa in SYSTEMS
    }
    for lock_s in (0.05, 0.1):
        systems[f"a lock for {lock_s:.0%} of the time"] = partial(throughput_per_s, sleep_s=1 - lock_s, lock_s=lock_s)
    for name, rate_per_s in systems.items():
        for noise in (0.003, 0.01):
            held = foretold_at(8, rate_per_s, RUNS_SCALING, np.random.default_rng(6), noise)
            yield Row(f"{name}, noise {noise:.1%}: what 8 measure held", f"{held:.1%}", "≥ 90 %", held >= 0.9)


def _coverage(what: str, outcomes: Sequence[Outcome], metric: str) -> Row:
    held = coverage(outcomes, metric)
    return Row(f"{what}: interval of {metric} holds the truth", f"{held:.1%}", "93–97 %", 0.93 <= held <= 0.97)
