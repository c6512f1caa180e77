"""The number of rotations in a round, planned from a pilot: the rounds until the first interim look.

It is fixed before the data that it is used on: it follows from the scatter of the pilot's rounds and never from their
effect, and then stays. The pilot's rounds count like all others: each round is one log-ratio, whatever its length, and
an estimate without bias. Since rounds of two lengths scatter differently, the t interval is no longer exact, but by
simulation (``bench.validity``) keeps its level.
"""

from collections.abc import Sequence
from typing import Final

from harness.stats.sequential import InterimLooks, looks_until
from harness.stats.variance import RoundCosts, VarianceComponents, estimate_variances, optimal_rotations

LEAST: Final = 2  # rotations, so that a round tells its own scatter
LONGEST: Final = 4  # times as many as the pilot's: what few rounds say of launches is too vague for more


def plan_rotations(pilots: Sequence[Sequence[Sequence[float]]], costs: RoundCosts, now: int) -> int:
    """Return the number of rotations for the rounds after the pilot, which had ``now``.

    ``pilots`` has for each comparison, round by round, the log-ratios of its rotations. The variances are those of all
    comparisons together. It stays as it is where there are too few rounds to tell.
    """
    found = [each for each in map(estimate_variances, pilots) if each is not None]
    if not found:
        return now
    between, within = sum(each.between for each in found), sum(each.within for each in found)
    return optimal_rotations(costs, VarianceComponents(between, within, now), LEAST, LONGEST * now)


def replan_looks(after: int, most: int) -> InterimLooks:
    """Return the looks of a run that was looked at after so many rounds and will have ``most`` in all."""
    return InterimLooks((after, *(n for n in looks_until(max(most, after)).after if n > after)))
