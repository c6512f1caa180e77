"""Rounds that decide by themselves how wide an interval is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import exp
from statistics import median
from typing import Final

from harness.analysis.comparison import Comparison
from harness.stats.estimate import Estimate
from harness.stats.evidence import Ratios
from harness.stats.outlier import find_outlier
from harness.stats.paired import Paired

LEVEL: Final = 0.01  # of all comparisons of a run together
DECIDES: Final = 0.5  # the interval without the round is at most so wide, as a part of the one with it


@dataclass(frozen=True)
class OutlyingRound:
    """A round whose ratio is unlike all others of a comparison. ``ratio`` is the topology's figure as a multiple of the
    baseline's, as the verdict takes it, ``least`` and ``most`` are those of the other rounds. ``figures`` are those of
    baseline and topology in the round, ``usual`` the medians of the other rounds on the same machine. ``change`` is the
    result without the round."""

    comparison: Comparison
    number: int
    ratio: float
    least: float
    most: float
    figures: tuple[float, float]
    usual: tuple[float, float]
    change: Estimate


def find_outlying_rounds(comparisons: Sequence[Comparison]) -> Iterator[OutlyingRound]:
    """Yield the outlying round of each comparison by ratios that it keeps from a verdict."""
    for comparison in comparisons:
        logs = comparison.logs
        if logs is None or comparison.is_settled:
            continue
        place = find_outlier(logs.at_equal_pace, LEVEL / len(comparisons))
        if place is not None and (found := _outlying_round(comparison, logs, place)):
            yield found


def _outlying_round(comparison: Comparison, logs: Paired, place: int) -> OutlyingRound | None:
    """Return what is known of the round at this place; None where the interval is hardly narrower without it."""
    pairs = comparison.pairs
    without = replace(pairs, evidence=Ratios(logs.without(place), pairs.evidence.margin))
    if (without.evidence.precision or 0.0) > DECIDES * (pairs.evidence.precision or 0.0):
        return None
    sign = 1 if pairs.metric.more_is_better else -1
    ratios = [exp(sign * log) for log in logs.at_equal_pace]
    others = [number for number in range(len(pairs)) if number != place]
    alike = [number for number in others if not logs.rigs or logs.rigs[number] == logs.rigs[place]]
    sides = pairs.before, pairs.after
    return OutlyingRound(
        comparison,
        pairs.rounds[place],
        ratios[place],
        min(ratios[number] for number in others),
        max(ratios[number] for number in others),
        figures=(sides[0][place], sides[1][place]),
        usual=(median(sides[0][number] for number in alike), median(sides[1][number] for number in alike)),
        change=without.change,
    )
