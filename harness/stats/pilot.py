"""The number of rotations in a round, planned from a pilot: the rounds until the first interim look.

It is the one that will make the t interval of the mean the narrowest in the time that is left. A round costs a launch,
however short it is, so that noise asks for long rounds, and launches that differ for many of them. For many rounds that
is √(c_launch / c_rotation · σ²_within / σ²_between), as in Kalibera and Jones, "Rigorous Benchmarking in Reasonable
Time", ISMM (2013). Of few rounds Student's t asks for more: 6 rounds need an interval 1.3 times as wide as 12 of equal
error.

It is fixed before the data that it is used on: it follows from the scatter of the pilot's rounds and never from their
effect, and then stays. The pilot's rounds count like all others: each round is one log-ratio, whatever its length, and
an estimate without bias. Since rounds of two lengths scatter differently, the t interval is no longer exact, but by
simulation (``bench.validity``) keeps its level.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scipy.special import stdtrit

from harness.stats.sequential import InterimLooks, looks_until
from harness.stats.variance import VarianceComponents, estimate_variances

LEAST: Final = 2  # rotations, so that a round tells its own scatter
LONGEST: Final = 4  # times as many as the pilot's: what few rounds say of launches is too vague for more
SPARE: Final = 0.05  # of the time: a round for which it is not enough is not begun, and its time is lost
AS_NARROW: Final = 1.01  # times the narrowest: for less than that, nobody need wait
LEVEL: Final = 0.01  # of the interval that is to be narrow: about that of one of the usual comparisons of a run


@dataclass(frozen=True)
class RoundCosts:
    """The time that a round takes (seconds): once, to launch, warm up and stop its servers; and for each rotation."""

    launch_s: float
    rotation_s: float

    def of_round_s(self, rotations: float) -> float:
        """Return the time of a round (seconds)."""
        return self.launch_s + rotations * self.rotation_s


@dataclass(frozen=True)
class Pilot:
    """The rounds of a pilot, of ``rotations`` each, what a round costs, and the time that is left after them
    (seconds)."""

    rounds: int
    rotations: int
    costs: RoundCosts
    left_s: float

    def count_rounds(self, rotations: int) -> int:
        """Return how many rounds of so many rotations there is time for, even if they last a little longer."""
        return max(0, int((1 - SPARE) * self.left_s / self.costs.of_round_s(rotations)))


def plan_rotations(pilot: Pilot, logs: Sequence[Sequence[Sequence[float]]]) -> int:
    """Return the number of rotations for the rounds after the pilot: the least for which the interval is as narrow as
    can be.

    ``logs`` has for each comparison, round by round, the log-ratios of its rotations. The variances are those of all
    comparisons together. It stays as it is where there are too few rounds to tell, or no time for any more.
    """
    found = [each for each in map(estimate_variances, logs) if each is not None]
    if not found or not pilot.count_rounds(LEAST):
        return pilot.rotations
    between, within = sum(each.between for each in found), sum(each.within for each in found)
    variances = VarianceComponents(between, within, pilot.rotations)
    widths = {n: half_width(pilot, variances, n) for n in range(LEAST, LONGEST * pilot.rotations + 1)}
    narrow = AS_NARROW * min(widths.values())
    return next(n for n, width in widths.items() if width <= narrow)


def half_width(pilot: Pilot, variances: VarianceComponents, rotations: int) -> float:
    """Return the half of the interval's width after the pilot and as many rounds of so many rotations as there is time
    for."""
    more = pilot.count_rounds(rotations)
    rounds = pilot.rounds + more
    squares = pilot.rounds * variances.of_round(pilot.rotations) + more * variances.of_round(rotations)
    return float(stdtrit(rounds - 1, 1 - LEVEL / 2) * squares**0.5 / rounds)


def replan_looks(after: int, most: int) -> InterimLooks:
    """Return the looks of a run that was looked at after so many rounds and will have ``most`` in all."""
    return InterimLooks((after, *(n for n in looks_until(max(most, after)).after if n > after)))
