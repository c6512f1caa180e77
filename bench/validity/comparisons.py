"""Whole comparisons, simulated: how often they are wrong, how often they see what is there, and how long they take."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from bench.validity.worlds import METRICS, Differences, World
from harness.analysis.comparison import PRECISE_ENOUGH
from harness.analysis.metrics import METRICS as JUDGED
from harness.analysis.metrics import decisive_metrics
from harness.stats.evidence import Ratios
from harness.stats.sequential import SINGLE_LOOK, InterimLooks, looks_until
from harness.stats.verdict import MARGIN, Judgement, Verdict, judge

MOST_BLOCKS: Final = 30
MARGINS: Final = {each.name: each.margin for each in JUDGED if isinstance(each.margin, float)}
DECISIVE: Final = {each.name for each in decisive_metrics(JUDGED)}  # of pairs, whose first sentence they decide
RUNS_AT_A_TIME: Final = 20  # handed to one process: few enough that none is left with much when the others are done


@dataclass(frozen=True)
class Outcome:
    """One simulated comparison by all metrics: how many blocks it took, and what it said of each metric."""

    blocks: int
    verdicts: tuple[Verdict, ...]
    covered: tuple[bool, ...]  # whether the interval held the truth


def until_sure(differences: Differences, effect: float) -> Outcome:
    """With ``--rounds auto``: ``differences`` within 30 blocks, all metrics shifted by ``effect`` (a logarithm)."""
    return judge_until_sure(differences, effect, looks_until(len(differences)))


def judge_until_sure(differences: Differences, effect: float, looks: InterimLooks) -> Outcome:
    """The same, with these looks."""
    for n in looks.after:
        found = _judged(differences, n, effect, looks)
        if _are_sure(found):
            break
    return _outcome(n, found, effect)


def outcome_if_sure(differences: Differences, effect: float, n: int, looks: InterimLooks) -> Outcome | None:
    """The same after n blocks; None where it goes on."""
    found = _judged(differences, n, effect, looks)
    return _outcome(n, found, effect) if _are_sure(found) else None


def all_rounds(differences: Differences, effect: float) -> Outcome:
    """With a fixed number of rounds."""
    return _outcome(len(differences), _judged(differences, len(differences), effect, SINGLE_LOOK), effect)


def _are_sure(found: Sequence[Judgement]) -> bool:
    return all(map(_is_sure, METRICS, found))


def _is_sure(metric: str, found: Judgement) -> bool:
    is_precise = (found.evidence.precision or np.inf) <= PRECISE_ENOUGH
    return found.verdict is not Verdict.INCONCLUSIVE or (is_precise and metric not in DECISIVE)


Judging = Callable[[Differences, float], Outcome]


def simulated(world: World, effect: float, runs: int, seed: int, judging: Judging = until_sure) -> list[Outcome]:
    """Comparisons of 30 blocks at the most, on all cores. Each has dice of its own, whichever process throws them."""
    return in_parallel(partial(_simulated_once, world, effect, seed, judging), runs)


def in_parallel(one: Callable[[int], Outcome], runs: int) -> list[Outcome]:
    """So many comparisons, on all cores, each of its own number."""
    with ProcessPoolExecutor() as pool:
        return list(pool.map(one, range(runs), chunksize=RUNS_AT_A_TIME))


def share(outcomes: Sequence[Outcome], metric: str, *verdicts: Verdict) -> float:
    """How many of them said one of these of the metric."""
    column = METRICS.index(metric)
    return sum(outcome.verdicts[column] in verdicts for outcome in outcomes) / len(outcomes)


def coverage(outcomes: Sequence[Outcome], metric: str) -> float:
    """How often its interval held the truth."""
    column = METRICS.index(metric)
    return sum(outcome.covered[column] for outcome in outcomes) / len(outcomes)


def _simulated_once(world: World, effect: float, seed: int, judging: Judging, number: int) -> Outcome:
    return judging(world(np.random.default_rng([seed, number]), MOST_BLOCKS), effect)


def _judged(differences: Differences, blocks: int, effect: float, looks: InterimLooks) -> list[Judgement]:
    evidence = {
        metric: Ratios(differences.pairs(column, blocks, effect), MARGINS.get(metric, MARGIN))
        for column, metric in enumerate(METRICS)
    }
    return list(judge(evidence, looks, DECISIVE).values())


def _outcome(blocks: int, found: Sequence[Judgement], effect: float) -> Outcome:
    truth = float(np.exp(effect))
    estimates = [each.evidence.estimate for each in found]
    ends = [(each.low or 0.0, each.high or np.inf) for each in estimates]
    return Outcome(blocks, tuple(each.verdict for each in found), tuple(low <= truth <= high for low, high in ends))
