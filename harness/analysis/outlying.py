"""Rounds that decide by themselves how wide an interval is, since a launch was unlike all others of its topology."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import log
from statistics import median
from typing import Final

from harness.analysis.comparison import Comparison
from harness.stats.estimate import Estimate
from harness.stats.evidence import Ratios
from harness.stats.outlier import find_outlier

DECIDES: Final = 0.5  # the interval without the round is at most so wide, as a part of the one with it


@dataclass(frozen=True)
class OutlyingRound:
    """A round in which the launch of ``topology``, one of the two that are compared, was unlike all its others: its
    ``figure``, the ``least`` and the ``most`` of the others, and the ``change`` without the round."""

    comparison: Comparison
    topology: str
    number: int
    figure: float
    least: float
    most: float
    change: Estimate


def find_outlying_rounds(baseline: str, comparisons: Iterable[Comparison]) -> Iterator[OutlyingRound]:
    """Yield the outlying round of each comparison by ratios with the baseline that has one which decides."""
    for comparison in comparisons:
        place = find_outlier(comparison.logs.at_equal_pace) if comparison.logs else None
        if place is not None and (found := _outlying_round(baseline, comparison, place)):
            yield found


def _outlying_round(baseline: str, comparison: Comparison, place: int) -> OutlyingRound | None:
    """Return what is known of the round at this place; None where the interval is hardly narrower without it."""
    pairs, logs = comparison.pairs, comparison.logs
    assert logs
    without = replace(pairs, evidence=Ratios(logs.without(place), pairs.evidence.margin))
    if (without.evidence.precision or 0.0) > DECIDES * (pairs.evidence.precision or 0.0):
        return None
    is_of_baseline = _deviation(pairs.before, place) > _deviation(pairs.after, place)
    figures, name = (pairs.before, baseline) if is_of_baseline else (pairs.after, comparison.topology)
    others = _others(figures, place)
    return OutlyingRound(
        comparison, name, pairs.rounds[place], figures[place], min(others), max(others), without.change
    )


def _deviation(figures: Sequence[float], place: int) -> float:
    """Return how far a figure is from the others, as a logarithm."""
    return abs(log(figures[place] / median(_others(figures, place))))


def _others(figures: Sequence[float], place: int) -> list[float]:
    return [figure for number, figure in enumerate(figures) if number != place]
