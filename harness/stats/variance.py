"""The parts of the scatter between rounds: what differs from launch to launch, and what from rotation to rotation.

In a sliced round each rotation yields one log-ratio d(i, j) = μ + b(i) + e(i, j): b is what the two launches of round i
differ by as long as they live (layout, seeds, modes of malloc), with the variance σ²_between; e is the noise of a
rotation. A round's mean over n rotations then has the variance σ²_between + σ²_within / n. Both are estimated by the
analysis of variance for random effects, by the method of moments (Searle, Casella and McCulloch, Variance Components,
1992): what the means scatter more than their rotations explain is due to the launches, and zero where it is negative.

Since the order within a rotation is drawn anew each time, noise of the machine that lasts for many slices has no
covariance between two rotations: its sign is drawn with the order. What a server does to itself has, such as warming up
or a slow cycle of its own. So σ²_within is n times the variance of the mean of n rotations, whose autocorrelation is
taken to be that of an AR(1). Its parameter φ is the one whose expected von Neumann ratio is the observed one: that of
the mean square of the steps between neighbours to the variance within rounds (Ann. Math. Statist. 12, 1941). So short
rounds give no bias, as they do to autocorrelations about each round's mean. A φ that chance explains counts as zero.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

MIN_ROUNDS: Final = 5  # with fewer, the variance between launches is hardly known
MIN_ROTATIONS: Final = 2
MIN_CORRELATED: Final = 5  # rotations in a round, on the average: fewer do not tell autocorrelation from launches
RESOLUTION: Final = 1e-18  # of a variance of logarithms: a smaller one is rounding
CHANCE: Final = 1.4  # (1 − von Neumann's ratio) · √(degrees of freedom): one of twenty series of white noise has more
MAX_CORRELATION: Final = 0.8  # beyond it, noise and launches can't be told apart in a short round
MOST_OF_IT: Final = 2 / 3  # of the variance: what limits the precision by itself

Floats = npt.NDArray[np.float64]


class Limit(enum.Enum):
    """The source of most of the scatter between rounds: LAUNCHES, which only more rounds take out; ROTATIONS, which
    longer rounds or a quieter machine would; or BOTH."""

    LAUNCHES = "launches"
    ROTATIONS = "rotations"
    BOTH = "both"


@dataclass(frozen=True)
class VarianceComponents:
    """The variances of log-ratios: ``between`` launches, and ``within`` a round for each rotation. ``rotations`` is the
    (harmonic) mean number of them in a round."""

    between: float
    within: float
    rotations: float

    def of_round(self, rotations: float) -> float:
        """Return the variance of the mean of a round of so many rotations."""
        return self.between + self.within / rotations

    @property
    def launches_share(self) -> float:
        """The part of a round's variance that is due to launches, from 0 to 1."""
        total = self.of_round(self.rotations)
        return self.between / total if total else 0.0

    @property
    def limit(self) -> Limit:
        """The source that limits the precision."""
        if self.launches_share >= MOST_OF_IT:
            return Limit.LAUNCHES
        return Limit.ROTATIONS if self.launches_share <= 1 - MOST_OF_IT else Limit.BOTH


def estimate_variances(rounds: Sequence[Sequence[float]]) -> VarianceComponents | None:
    """Return the variance components of the log-ratios of each round's rotations. Rounds of one rotation are left out;
    None with fewer than five others."""
    series = [np.asarray(each, dtype=np.float64) for each in rounds if len(each) >= MIN_ROTATIONS]
    if len(series) < MIN_ROUNDS:
        return None
    sizes = np.array([len(each) for each in series], dtype=np.float64)
    of_means = _variance_of_mean(sizes, _correlation(series, sizes))
    explained = _squares(series) / float(np.sum(sizes * (1 - of_means))) * float(of_means.mean())
    seen = float(np.var([each.mean() for each in series], ddof=1))
    typical = len(sizes) / float(np.sum(1 / sizes))
    between = seen - explained
    return VarianceComponents(between if between > RESOLUTION else 0.0, explained * typical, typical)


def _correlation(series: Sequence[Floats], sizes: Floats) -> float:
    """Return the autocorrelation φ of neighbouring rotations, pooled over the rounds; 0 where chance explains it."""
    squares, freedom = _squares(series), float(np.sum(sizes - 1))
    steps = np.concatenate([np.diff(each) for each in series])
    if squares <= RESOLUTION or sizes.mean() < MIN_CORRELATED:
        return 0.0
    ratio = float(np.mean(steps**2)) / 2 / (squares / freedom)

    def excess(correlation: float) -> float:
        kept = float(np.sum(sizes * (1 - _variance_of_mean(sizes, correlation)))) / freedom
        return (1 - correlation) / kept - ratio

    if (1 - ratio) * freedom**0.5 <= CHANCE:
        return 0.0
    return float(brentq(excess, 0.0, MAX_CORRELATION)) if excess(MAX_CORRELATION) < 0 else MAX_CORRELATION


def _squares(series: Sequence[Floats]) -> float:
    """Return the sum of the squares of the deviations from each round's mean."""
    return sum(float(each.var()) * len(each) for each in series)


def _variance_of_mean(counts: Floats, correlation: float) -> Floats:
    """Return the variance of the mean of so many values of an AR(1) whose own variance is 1."""
    left = 1 - correlation
    return ((1 + correlation) / left - 2 * correlation * (1 - correlation**counts) / (counts * left**2)) / counts
