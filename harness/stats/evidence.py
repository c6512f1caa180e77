"""The evidence on a difference between two topologies: an estimate, and p-values after each round.

Figures that vary by factors are compared by their ratio (:class:`Ratios`), those that may be zero by their difference
(:class:`Differences`), and shares of errors by a permutation test (:class:`Shares`): most shares are zero, so that they
do not have the distribution that a t test assumes.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations
from math import comb
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from harness.stats.estimate import Estimate, difference_of, ratio_of
from harness.stats.paired import Paired, Running

DEALS: Final = 19_999  # at most, of a permutation test: with so many drawn, the least p-value is 1 in 20,000
ROUNDING: Final = 1e-12
SEED: Final = 0

Floats = npt.NDArray[np.float64]


class Evidence(Protocol):
    """The evidence on one comparison, round by round. Figures are given such that more is better."""

    @property
    def margin(self) -> float:
        """The margin of equivalence: smaller differences count as none."""

    @property
    def estimate(self) -> Estimate:
        """The ratio to the baseline's figure or, where figures may be zero, the difference from it."""

    @property
    def precision(self) -> float | None:
        """The half of the interval's width, in margins; None without an interval."""

    @property
    def gain(self) -> float:
        """The effect: above 0 where it is better than the baseline, below 0 where it is worse."""

    @property
    def is_constant(self) -> bool:
        """True if all figures are the same, so that no test could distinguish the two."""

    def __len__(self) -> int:
        """Return the number of rounds."""

    def p_different(self, n: int) -> float:
        """Return the two-sided p-value of a difference after ``n`` rounds."""

    def p_beyond(self, n: int) -> float:
        """Return the p-value of the difference lying outside the margin after ``n`` rounds: one-sided, the greater of
        the two (TOST; Schuirmann, J. Pharmacokinet. Biopharm. 15, 1987)."""


@dataclass(frozen=True)
class Ratios:
    """The evidence on positive figures: Student's paired t test of their log-ratios, at equal core speed where that is
    known. A ``margin`` of 0.02 is ±2 %."""

    pairs: Paired
    margin: float

    def __len__(self) -> int:
        return len(self.pairs)

    @cached_property
    def estimate(self) -> Estimate:
        """The ratio."""
        return ratio_of(self.pairs)

    @property
    def precision(self) -> float | None:
        """The half of the ratio's interval width, on logarithms, in margins."""
        low, high = self.estimate.low, self.estimate.high
        return None if low is None or high is None else float(np.log(high / low) / 2 / np.log1p(self.margin))

    @property
    def gain(self) -> float:
        """The logarithm of the ratio."""
        return float(np.log(self.estimate.value))

    @property
    def is_constant(self) -> bool:
        """True if the ratio is 1 in every round."""
        return not any(self.pairs.logs)

    def p_different(self, n: int) -> float:
        """Return the p-value of a ratio other than 1."""
        return float(self._tests.different[n - 1])

    def p_beyond(self, n: int) -> float:
        """Return the p-value of a ratio beyond the margin."""
        return float(self._tests.beyond[n - 1])

    @cached_property
    def _tests(self) -> "_Tests":
        return _t_tests(self.pairs, float(np.log1p(self.margin)))


@dataclass(frozen=True)
class Differences:
    """The evidence on figures that may be zero or below: Student's paired t test of their differences. The ``margin``
    is in the unit of the figures. ``rigs`` are the machines that made the rounds, where they are several."""

    values: tuple[float, ...]
    margin: float
    rigs: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def estimate(self) -> Estimate:
        """The mean difference."""
        return difference_of(self.values, self.rigs)

    @property
    def precision(self) -> float | None:
        """The half of the difference's interval width, in margins."""
        low, high = self.estimate.low, self.estimate.high
        return None if low is None or high is None else (high - low) / 2 / self.margin

    @property
    def gain(self) -> float:
        """The mean difference."""
        return self.estimate.value

    @property
    def is_constant(self) -> bool:
        """True if the difference is 0 in every round."""
        return not any(self.values)

    def p_different(self, n: int) -> float:
        """Return the p-value of a difference other than 0."""
        return float(self._tests.different[n - 1])

    def p_beyond(self, n: int) -> float:
        """Return the p-value of a difference beyond the margin."""
        return float(self._tests.beyond[n - 1])

    @cached_property
    def _tests(self) -> "_Tests":
        return _t_tests(Paired(self.values, rigs=self.rigs), self.margin)


@dataclass(frozen=True)
class Shares:
    """The evidence on the share of good requests in the trials of the baseline and of the topology, round by round.

    Where the two do not differ, their trials are exchangeable. So the difference of the means is compared with the
    differences for all ways to assign the trials to the two (Fisher, The Design of Experiments, 1935; Pitman, Suppl.
    JRSS 4, 1937), or for many ways drawn at random, always the same. What the trials of a round have in common makes
    the test conservative, not wrong.
    """

    before: tuple[float, ...]
    after: tuple[float, ...]
    margin: float

    def __len__(self) -> int:
        return len(self.before)

    @cached_property
    def estimate(self) -> Estimate:
        """The mean difference within rounds."""
        return self._differences.estimate

    @property
    def precision(self) -> float | None:
        """The half of the difference's interval width, in margins."""
        return self._differences.precision

    @property
    def gain(self) -> float:
        """The mean difference within rounds."""
        return self.estimate.value

    @property
    def is_constant(self) -> bool:
        """True if all trials have the same share."""
        return len({*self.before, *self.after}) == 1

    def p_different(self, n: int) -> float:
        """Return the p-value of a difference other than 0."""
        return permutation_p(self.before[:n], self.after[:n])

    def p_beyond(self, n: int) -> float:
        """Return the p-value of a difference beyond the margin, by t tests, since it matters for small differences
        alone."""
        return self._differences.p_beyond(n)

    @cached_property
    def _differences(self) -> Differences:
        return Differences(tuple(a - b for b, a in zip(self.before, self.after, strict=True)), self.margin)


def permutation_p(before: tuple[float, ...], after: tuple[float, ...]) -> float:
    """Return the p-value of a difference between the two sides by a permutation test: the part of all assignments of
    the shares to the sides whose difference of means is at least as great as the observed one. It is 1 where a side has
    a single share."""
    if min(len(before), len(after)) < 2 or len({*before, *after}) == 1:
        return 1.0
    return _permutation_p(before, after)


@cache
def _permutation_p(before: tuple[float, ...], after: tuple[float, ...]) -> float:
    shares = np.array([*after, *before])
    deals = _deals(len(after), len(shares))
    means = deals @ shares / len(after), ~deals @ shares / len(before)
    seen = abs(sum(after) / len(after) - sum(before) / len(before))
    differences = np.abs(means[0] - means[1])
    if len(deals) == DEALS:  # the observed assignment is one of those that could be drawn
        differences = np.append(differences, seen)
    return float(np.mean(differences >= seen - ROUNDING))


@cache
def _deals(dealt: int, of: int) -> npt.NDArray[np.bool_]:
    """Return the assignments of trials to the one side as a mask, (assignments, trials): all ways to choose so many of
    them or, where there are too many ways, a fixed random sample."""
    if comb(of, dealt) < DEALS:
        return np.array([np.isin(np.arange(of), chosen) for chosen in combinations(range(of), dealt)])
    dice = np.random.default_rng(SEED)
    return dice.permuted(np.tile(np.arange(of) < dealt, (DEALS, 1)), axis=1)


@dataclass(frozen=True)
class _Tests:
    """The p-values after each round, the first round's first."""

    different: Floats
    beyond: Floats


def _t_tests(pairs: Paired, margin: float) -> _Tests:
    found = Running.of(pairs)
    effects = np.abs(found.effects)
    with np.errstate(divide="ignore", invalid="ignore"):  # one round has no scatter: its p-values are set to 1
        different = 2 * stdtr(found.freedom, -effects / found.errors)
        beyond = stdtr(found.freedom, -(margin - effects) / found.errors)
    return _Tests(_replace_nan(different), _replace_nan(beyond))


def _replace_nan(p_values: npt.NDArray[np.floating]) -> Floats:
    return np.nan_to_num(p_values.astype(np.float64), nan=1.0)
