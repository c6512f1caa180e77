"""The evidence on a difference between two sets of trials that share no rounds, such as those of two runs.

No influence of the machine cancels out between them, so they are independent samples, whose scatter may differ too. The
tests are Welch's t test (Biometrika 34, 1947), of logarithms where figures vary by factors, and the permutation test of
shares. They are valid for the trials alone: no statistic can show whether the machine was equally fast on both days.
"""

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import stats

from harness.stats.estimate import CONFIDENCE, Estimate, ratio_of_log
from harness.stats.evidence import permutation_p


@dataclass(frozen=True)
class UnpairedRatios:
    """The evidence on positive figures of the trials of both sides (at least one each), the greater the better. A
    ``margin`` of 0.02 is ±2 %. With a single trial on a side there is no interval, and all p-values are 1. See
    :class:`.evidence.Evidence`."""

    before: tuple[float, ...]
    after: tuple[float, ...]
    margin: float

    def __len__(self) -> int:
        return min(len(self.before), len(self.after))

    @cached_property
    def estimate(self) -> Estimate:
        """The ratio of the geometric means."""
        found, method = self._welch.estimate, "ratio of geometric means, Welch's t interval of logarithms"
        low, high = (None if end is None else ratio_of_log(end) for end in (found.low, found.high))
        return Estimate(ratio_of_log(found.value), low, high, found.n, method)

    @property
    def precision(self) -> float | None:
        """The half of the ratio's interval width, on logarithms, in margins."""
        return self._welch.precision

    @property
    def gain(self) -> float:
        """The logarithm of the ratio."""
        return self._welch.gain

    @property
    def is_constant(self) -> bool:
        """True if all trials have the same figure."""
        return self._welch.is_constant

    def p_different(self, n: int) -> float:
        """Return the p-value of a ratio other than 1. ``n`` is not used: all trials count."""
        return self._welch.p_different(n)

    def p_beyond(self, n: int) -> float:
        """Return the p-value of a ratio beyond the margin."""
        return self._welch.p_beyond(n)

    @cached_property
    def _welch(self) -> "UnpairedDifferences":
        before, after = (tuple(np.log(each).tolist()) for each in (self.before, self.after))
        return UnpairedDifferences(before, after, float(np.log1p(self.margin)))


@dataclass(frozen=True)
class UnpairedDifferences:
    """The evidence on figures of both sides that may be zero or below, the greater the better. The ``margin`` is in
    their unit."""

    before: tuple[float, ...]
    after: tuple[float, ...]
    margin: float

    def __len__(self) -> int:
        return min(len(self.before), len(self.after))

    @cached_property
    def estimate(self) -> Estimate:
        """The difference of the means."""
        value, method = float(np.mean(self.after) - np.mean(self.before)), "difference of means, Welch's t interval"
        if len(self) < 2:
            return Estimate(value, None, None, len(self), method)
        if self._has_no_scatter:
            return Estimate(value, value, value, len(self), method)
        interval = self._test.confidence_interval(CONFIDENCE)
        return Estimate(value, float(interval.low), float(interval.high), len(self), method)

    @property
    def precision(self) -> float | None:
        """The half of the difference's interval width, in margins."""
        low, high = self.estimate.low, self.estimate.high
        return None if low is None or high is None else (high - low) / 2 / self.margin

    @property
    def gain(self) -> float:
        """The difference of the means."""
        return self.estimate.value

    @property
    def is_constant(self) -> bool:
        """True if all trials have the same figure."""
        return len({*self.before, *self.after}) == 1

    def p_different(self, n: int) -> float:
        """Return the p-value of a difference other than 0. ``n`` is not used: all trials count."""
        if len(self) < 2:
            return 1.0
        if self._has_no_scatter:
            return 0.0 if self.gain else 1.0
        return float(self._test.pvalue)

    def p_beyond(self, n: int) -> float:
        """Return the p-value of a difference beyond the margin."""
        if len(self) < 2:
            return 1.0
        if self._has_no_scatter:
            return 0.0 if abs(self.gain) <= self.margin else 1.0
        return float(stats.t.sf((self.margin - abs(self.gain)) / self._standard_error, self._test.df))

    @property
    def _has_no_scatter(self) -> bool:
        return len(set(self.before)) == len(set(self.after)) == 1

    @property
    def _standard_error(self) -> float:
        return float(np.sqrt(sum(np.var(side, ddof=1) / len(side) for side in (self.before, self.after))))

    @cached_property
    def _test(self) -> Any:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Precision loss")  # where figures are nearly equal
            return stats.ttest_ind(self.after, self.before, equal_var=False)


@dataclass(frozen=True)
class UnpairedShares:
    """The evidence on the share of good requests in the trials of both sides: see :class:`.evidence.Shares`."""

    before: tuple[float, ...]
    after: tuple[float, ...]
    margin: float

    def __len__(self) -> int:
        return min(len(self.before), len(self.after))

    @property
    def estimate(self) -> Estimate:
        """The difference of the means."""
        return self._differences.estimate

    @property
    def precision(self) -> float | None:
        """The half of the difference's interval width, in margins."""
        return self._differences.precision

    @property
    def gain(self) -> float:
        """The difference of the means."""
        return self.estimate.value

    @property
    def is_constant(self) -> bool:
        """True if all trials have the same share."""
        return self._differences.is_constant

    def p_different(self, n: int) -> float:
        """Return the p-value of a difference other than 0. ``n`` is not used: all trials count."""
        return permutation_p(self.before, self.after)

    def p_beyond(self, n: int) -> float:
        """Return the p-value of a difference beyond the margin, by t tests."""
        return self._differences.p_beyond(n)

    @cached_property
    def _differences(self) -> UnpairedDifferences:
        return UnpairedDifferences(self.before, self.after, self.margin)
