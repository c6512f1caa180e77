"""Log-ratios within rounds, adjusted for the core speed, and their mean after each round.

Where the core speed ("pace") was measured beside both trials of a round, the log-ratios d are regressed on the
difference c of the logarithms of both speeds: d = δ + βc + noise. The effect at equal speed is δ, with its t interval
of n − 2 degrees of freedom: the analysis of covariance (Fisher, Statistical Methods for Research Workers, 1932), which
experiments on web sites know as control variates. It is valid where what is compared does not influence the core speed.

Trials in slices tell more. Within a round, each rotation has a log-ratio and a core speed of its own, and the slope β
follows from all of them, whatever the rounds differ by. It is then known so well that it counts as given: the effect is
the mean of d − βc, with the t interval of n − 1 degrees of freedom, from the first rounds on. An error of β costs
precision and makes no bias, since the order of the slices, and with it the sign of c, is drawn.

For the same reason the c of a round, the mean over its rotations, is zero but for what the rotations scatter by. What
it has beyond that is an error of the measure that lasts as long as a launch: it must not be taken for a speed of the
cores. Where chance does not explain it, β is multiplied by the reliability of c: the part of its mean square that the
rotations explain (Fuller, Measurement Error Models, 1987). Both follow from the core speeds alone.

Where rotations are few, a slope may be chance: β is multiplied by 1 − 1/F, or 0, where F is that of the test whether
there is a slope. Rotations within rounds tell nothing of the rounds' means, so that the interval keeps its level with
whatever slope they suggest.

Rounds that were made on several machines ("rigs") have an effect of each rig, which is fixed: the result holds for
these machines. The effect is the mean of the rigs' means, whose error follows from the scatter within rigs, with n less
the number of rigs degrees of freedom: a one-way design of fixed effects (Montgomery, Design and Analysis of
Experiments, ch. 3). A mean over all rounds would lean to the rig that made most of them, and its error would count the
difference of the rigs as chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from scipy.stats import f

MIN_ADJUSTED: Final = 5  # rounds: with fewer, the adjustment adds more noise than it removes
MIN_FREEDOM: Final = 2  # rotations beyond one for each round: one for the slope, another for its error
LEVEL: Final = 0.95  # of the test whether rounds differ in core speed by more than their rotations explain
MIN_SPREAD: Final = 1e-9  # sum of squares of the core speeds, below which they count as equal

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Paired:
    """The paired figures of a comparison. ``logs`` are the log-ratios, one for each round, greater where the topology
    is better than the baseline. ``paces`` are the differences of the core speeds in the same rounds, as logarithms,
    greater where the topology had the faster cores; None where they are unknown or must not be used. ``given_slope`` is
    the slope that the rotations within rounds show; None where they don't. ``rigs`` are the machines that made the
    rounds, one for each round; empty where one machine made all."""

    logs: tuple[float, ...]
    paces: tuple[float, ...] | None = None
    given_slope: float | None = None
    rigs: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.logs)

    def without(self, place: int) -> "Paired":
        """Return those of the other rounds, at the same slope and with the same differences between rigs taken out."""
        logs, rigs = self.at_equal_pace, self.rigs
        return Paired(logs[:place] + logs[place + 1 :], rigs=rigs[:place] + rigs[place + 1 :])

    @cached_property
    def slope(self) -> float:
        """The slope β, the effect of the core speed on the log-ratios; 0 where it is not used."""
        return float(Running.of(self).slopes[-1])

    @property
    def is_adjusted(self) -> bool:
        """True if the effect is the one at equal core speed."""
        if self.paces is None:
            return False
        return self.given_slope is not None or (len(self) >= MIN_ADJUSTED and not self.has_rigs)

    @property
    def has_rigs(self) -> bool:
        """True if several machines made the rounds."""
        return len({*self.rigs}) > 1

    @cached_property
    def at_equal_pace(self) -> tuple[float, ...]:
        """The log-ratios without the part that the core speed explains and, of several rigs, without the differences
        between these."""
        logs = np.asarray(self.logs) - self.slope * np.asarray(self.paces or 0.0)
        if not self.has_rigs:
            return tuple(logs.tolist())
        of_rig = {
            rig: float(np.mean([log for log, each in zip(logs, self.rigs, strict=True) if each == rig]))
            for rig in {*self.rigs}
        }
        mean = float(np.mean(list(of_rig.values())))
        return tuple(float(log) - of_rig[rig] + mean for log, rig in zip(logs, self.rigs, strict=True))


@dataclass(frozen=True)
class Running:
    """The running estimates over the first n rounds, for every n from 1 on: the effect (a logarithm), its standard
    error and degrees of freedom, and the slope. The error of a single round is NaN."""

    effects: Floats
    errors: Floats
    freedom: Floats
    slopes: Floats

    @classmethod
    def of(cls, pairs: Paired) -> Self:
        """Return the running estimates of all rounds, computed in one pass."""
        d = np.asarray(pairs.logs, dtype=np.float64)
        c = np.zeros_like(d) if pairs.paces is None else np.asarray(pairs.paces, dtype=np.float64)
        if pairs.given_slope is not None:
            plain = cls.of(Paired(tuple((d - pairs.given_slope * c).tolist()), rigs=pairs.rigs))
            return cls(plain.effects, plain.errors, plain.freedom, np.full_like(d, pairs.given_slope))
        if pairs.has_rigs:
            return cls._over_rigs(d, pairs.rigs)
        n = np.arange(1, len(d) + 1, dtype=np.float64)
        mean_d, mean_c = np.cumsum(d) / n, np.cumsum(c) / n
        spread_d, spread_c, common = _spread(d, d, n), _spread(c, c, n), _spread(d, c, n)
        uses = (n >= MIN_ADJUSTED) & (spread_c > MIN_SPREAD)
        safe_c = np.where(uses, spread_c, 1.0)
        slopes = np.where(uses, common / safe_c, 0.0)
        freedom = n - 1 - uses
        left = np.maximum(spread_d - slopes * common, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = np.sqrt(left / freedom * (1 / n + np.where(uses, mean_c**2 / safe_c, 0.0)))
        return cls(mean_d - slopes * mean_c, errors, freedom, slopes)

    @classmethod
    def _over_rigs(cls, d: Floats, rigs: Sequence[str]) -> Self:
        """Return the running estimates of the mean of the rigs' means."""
        of_rig = np.array([[rig == each for each in dict.fromkeys(rigs)] for rig in rigs], dtype=np.float64)
        counts = np.cumsum(of_rig, axis=0)
        seen, safe = counts > 0, np.maximum(counts, 1)
        means = np.cumsum(of_rig * d[:, None], axis=0) / safe
        number = seen.sum(axis=1)
        left = np.maximum(np.cumsum(d**2) - (counts * means**2).sum(axis=1), 0.0)
        freedom = np.arange(1, len(d) + 1, dtype=np.float64) - number
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = np.sqrt(left / freedom * np.where(seen, 1 / safe, 0.0).sum(axis=1)) / number
        return cls(means.sum(axis=1) / number, np.where(freedom > 0, errors, np.nan), freedom, np.zeros_like(d))


def effect_of(logs: Floats, paces: Floats, axis: int = -1) -> Floats:
    """Return the effect at equal core speed of many samples at once, for the bootstrap; the mean where all core speeds
    are equal."""
    mean_d, mean_c = logs.mean(axis=axis, keepdims=True), paces.mean(axis=axis, keepdims=True)
    spread = np.sum((paces - mean_c) ** 2, axis=axis)
    common = np.sum((paces - mean_c) * (logs - mean_d), axis=axis)
    slopes = np.where(spread > MIN_SPREAD, common / np.maximum(spread, MIN_SPREAD), 0.0)
    return np.asarray(mean_d.squeeze(axis) - slopes * mean_c.squeeze(axis))


def slope_within(logs: Sequence[Sequence[float]], paces: Sequence[Sequence[float]]) -> float | None:
    """Return the effect of the core speed on the log-ratios of rounds, from the rotations within them: the slope that
    the rotations show, less what chance may have made of it, times the reliability of a round's core speed. None where
    there are too few rotations, or the speed did not change."""
    rounds = [(np.asarray(d), np.asarray(c)) for d, c in zip(logs, paces, strict=True) if len(d)]
    centred = [(d - d.mean(), c - c.mean()) for d, c in rounds]
    spread, freedom = sum(float(np.sum(c**2)) for _, c in centred), sum(len(d) - 1 for d, _ in rounds)
    if freedom < MIN_FREEDOM or spread <= MIN_SPREAD:
        return None
    slope = sum(float(np.sum(c * d)) for d, c in centred) / spread
    error = sum(float(np.sum((d - slope * c) ** 2)) for d, c in centred) / (freedom - 1) / spread  # its variance
    shown = max(0.0, 1 - error / slope**2) if slope**2 else 0.0
    return slope * shown * _reliability([c for _, c in rounds], spread / freedom)


def _reliability(paces: Sequence[Floats], variance: float) -> float:
    """Return the part of the mean square of the rounds' core speeds that rotations of this variance explain; 1 where
    chance explains the rest."""
    freedom = sum(len(c) - 1 for c in paces)
    excess = float(np.mean([c.mean() ** 2 * len(c) for c in paces])) / variance  # F-distributed
    return 1.0 if excess <= f.ppf(LEVEL, len(paces), freedom) else 1 / excess


def _spread(one: Floats, other: Floats, n: Floats) -> Floats:
    """Return Σ (x − x̄)(y − ȳ) over the first n values, for every n."""
    return np.asarray(np.cumsum(one * other) - np.cumsum(one) * np.cumsum(other) / n)
