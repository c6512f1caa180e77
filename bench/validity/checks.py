"""What is asked of the statistics, and what the simulations found."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from math import log1p, sqrt
from typing import Final

import numpy as np

from bench.checking import Row
from bench.validity.comparisons import MOST_BLOCKS, Outcome, all_rounds, coverage, share, simulated
from bench.validity.planned import LONG, SHORT, simulated_planned
from bench.validity.racing import MARGIN, NOISES, TRUTHS, run_races
from bench.validity.scaling import coverage_at, foretold_at, speedup
from bench.validity.sliced import SLICED, whole_rounds
from bench.validity.worlds import METRICS, SCATTER, WORLDS, recorded
from harness.stats.verdict import Verdict
from servers.machine_repairman import throughput_per_s

DIFFERENT: Final = (Verdict.BETTER, Verdict.WORSE)
RUNS_SAME, RUNS_SLOWER, RUNS_MUCH_SLOWER, RUNS_SCALING = 6000, 2000, 2000, 500
RUNS_RACING: Final = 500
RUNS_SLICED, RUNS_SLICED_SLOWER, RUNS_PLANNED = 4000, 500, 4000
SLOWER_BY_5: Final = float(np.log(0.95))
SLOWER_BY_20: Final = float(np.log(0.80))
EFFECTS: Final = (0.01, 0.02, 0.05, 0.08)
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


def racing() -> Iterator[Row]:
    """Races of twelve cells: how often the best is dropped, where nothing is allowed for, and what is spared."""
    for name, noise in NOISES.items():
        for number, (truth, speeds) in enumerate(TRUTHS.items()):
            strict = list(run_races(speeds, noise, 0.0, RUNS_RACING, seed=20 + number))
            wrong = sum(each.dropped_best for each in strict) / len(strict)
            yield Row(f"race, {name}, {truth}: best cell dropped", f"{wrong:.1%}", "≤ 2 %", wrong <= 0.02)
            usual = list(run_races(speeds, noise, MARGIN, RUNS_RACING, seed=40 + number))
            right, in_full = (
                sum(each) / len(usual)
                for each in ([one.is_right for one in usual], [one.would_be_right for one in usual])
            )
            yield Row(
                f"race, {name}, {truth}: a cell within the margin of the best found",
                f"{right:.1%}",
                f"{in_full:.1%} with all cells in all rounds",
                right >= in_full - 0.01,
            )
            spared = statistics.mean(each.spared for each in usual)
            is_asked = name == "normal" and truth in ("two cores", "threads first")
            asked = "≥ 50 %" if is_asked else "–"
            yield Row(f"race, {name}, {truth}: trials spared", f"{spared:.0%}", asked, spared >= 0.5 or not is_asked)


def sliced_same() -> Iterator[Row]:
    """The same of sliced rounds, where launches differ and noise lasts for slices, seconds or minutes."""
    for name, world in SLICED.items():
        outcomes = simulated(whole_rounds(world), 0.0, RUNS_SLICED, seed=7)
        yield _different(f"{name}, no difference", outcomes, 0.02, "≤ 2 %")
        wrong = sum(any(each in DIFFERENT for each in outcome.verdicts) for outcome in outcomes) / len(outcomes)
        yield Row(f"{name}, no difference: any metric called different", f"{wrong:.1%}", "≤ 5 %", wrong <= 0.05)
        for metric in METRICS:
            yield _coverage(f"{name}, no difference", outcomes, metric)


def sliced_slower() -> Iterator[Row]:
    """Slowdowns of 1 to 8 % in sliced rounds: how often they are seen in throughput, and after how many rounds."""
    least = 0.93 - _chance(0.93, RUNS_SLICED_SLOWER)
    for name, world in SLICED.items():
        for by in EFFECTS:
            outcomes = simulated(whole_rounds(world), log1p(-by), RUNS_SLICED_SLOWER, seed=8)
            seen, held = share(outcomes, "throughput", Verdict.WORSE), coverage(outcomes, "throughput")
            rounds = statistics.median(outcome.blocks for outcome in outcomes)
            said = f"{seen:.1%}, after {rounds:.0f} rounds; interval holds the truth in {held:.1%}"
            yield Row(
                f"{name}, {by:.0%} slower: seen in throughput", said, "held ≥ 93 %, but for chance", held >= least
            )


def planned() -> Iterator[Row]:
    """Sliced rounds whose number of rotations is planned from the first five."""
    most, times = 0.02 + _chance(0.02, RUNS_PLANNED), {"planned": LONG, "planned in little time": SHORT}
    for (name, world), (when, time) in product(SLICED.items(), times.items()):
        outcomes = simulated_planned(world, 0.0, RUNS_PLANNED, seed=9, time=time)
        yield _different(f"{name}, {when}, no difference", outcomes, most, "≤ 2 %, but for chance")
        held = coverage(outcomes, "throughput")
        what = f"{name}, {when}, no difference: interval of throughput holds the truth"
        yield Row(what, f"{held:.1%}", "≥ 93 %, but for chance", held >= 0.93 - _chance(0.93, RUNS_PLANNED))


def _different(what: str, outcomes: Sequence[Outcome], most: float, asked: str) -> Row:
    """The metric that is most often called different."""
    wrong = {metric: share(outcomes, metric, *DIFFERENT) for metric in METRICS}
    metric = max(wrong, key=lambda each: wrong[each])
    return Row(f"{what}: {metric} called different", f"{wrong[metric]:.1%}", asked, wrong[metric] <= most)


def _chance(part: float, runs: int) -> float:
    """Three standard errors of a part of so many runs."""
    return 3 * sqrt(part * (1 - part) / runs)


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
