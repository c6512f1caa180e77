"""Two sets of trials that share no rounds, such as those of two runs, and how they differ.

Nothing of what the machine did cancels out between them, so they are independent samples, whose scatter may differ too:
Welch's t test (Biometrika 34, 1947), of logarithms where figures vary by factors, and the permutation test of shares.
They answer for the trials alone. Whether the machine was as fast on the one day as on the other no statistic can tell.
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
    """Positive figures of the trials of either side (at least one each), the greater the better; a ``margin`` of 0.02
    is ±2 %. With a single trial on a side there is no interval, and nothing can be told. See
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
        """Half of its interval's width, on logarithms, in margins."""
        return self._welch.precision

    @property
    def gain(self) -> float:
        """Its logarithm."""
        return self._welch.gain

    @property
    def is_constant(self) -> bool:
        """Whether all trials have the same figure."""
        return self._welch.is_constant

    def p_different(self, n: int) -> float:
        """Return the p-value of a ratio other than 1; ``n`` is all there are."""
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
    """Figures of either side that may be zero or below, the greater the better; the ``margin`` is in their unit."""

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
        """Half of its interval's width, in margins."""
        low, high = self.estimate.low, self.estimate.high
        return None if low is None or high is None else (high - low) / 2 / self.margin

    @property
    def gain(self) -> float:
        """The same."""
        return self.estimate.value

    @property
    def is_constant(self) -> bool:
        """Whether all trials have the same figure."""
        return len({*self.before, *self.after}) == 1

    def p_different(self, n: int) -> float:
        """Return the p-value of a difference other than 0; ``n`` is all there are."""
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
            warnings.filterwarnings("ignore", "Precision loss")  # of figures that are nearly the same
            return stats.ttest_ind(self.after, self.before, equal_var=False)


@dataclass(frozen=True)
class UnpairedShares:
    """The good part of the requests of the trials of either side: see :class:`.evidence.Shares`."""

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
        """Half of its interval's width, in margins."""
        return self._differences.precision

    @property
    def gain(self) -> float:
        """The same."""
        return self.estimate.value

    @property
    def is_constant(self) -> bool:
        """Whether all trials have the same."""
        return self._differences.is_constant

    def p_different(self, n: int) -> float:
        """Return the p-value of a difference other than 0; ``n`` is all there are."""
        return permutation_p(self.before, self.after)

    def p_beyond(self, n: int) -> float:
        """Return the p-value of a difference beyond the margin, by t tests."""
        return self._differences.p_beyond(n)

    @cached_property
    def _differences(self) -> UnpairedDifferences:
        return UnpairedDifferences(self.before, self.after, self.margin)
