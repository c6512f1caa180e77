"""The rate at which the share of bad requests, which grows with the rate, reaches the allowed share.

The only assumption on the curve is that more load is never better: isotonic regression (Barlow et al., Statistical
Inference under Order Restrictions, 1972). Between the two levels around the allowed share, a straight line is drawn on
square roots, since they make the variance of counts constant. A share of requests, unlike a percentile, can be averaged
over probes, however few requests each has: p99 < 250 ms means that at most one request in a hundred is slower. The p99
of a short probe is too low most of the time, since the rare bursts that determine it are not in most probes.

Requests that wait in the same queue are bad together, so the unit is the probe. The standard error is that of the
bootstrap over probes, and the interval is Student's, with the degrees of freedom of the probes near the crossing, which
determine it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression
from scipy.special import stdtrit

from harness.stats.estimate import CONFIDENCE, Estimate, ratio_of_log

NEAR: Final = 1.15  # as a ratio of rates
MIN_NEAR: Final = 4  # probes, for an interval
RESAMPLES: Final = 300
BESIDES: Final = 0.5  # requests added to each probe, bad at the allowed share, so that they do not move the crossing

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class BadShare:
    """The result of one probe: the number of ``bad`` requests among all ``requests`` at this rate."""

    rate_per_s: float
    requests: int
    bad: int


@dataclass(frozen=True)
class Crossing:
    """The rate at which the allowed share is reached. ``kept`` is the highest rate at which the share was within what
    is allowed, ``broken`` the lowest rate above it at which it was not; None where there was none. ``rate`` lies
    between them, and is None without both."""

    kept: float | None
    broken: float | None
    rate: Estimate | None


def find_crossing(probes: Sequence[BadShare], allowed: float) -> Crossing:
    """Return the rate at which the share of bad requests reaches ``allowed``, between 0 and 1, from at least one
    probe."""
    rates, requests, bad = _counts(probes, allowed)
    levels = _Levels.of(rates, requests, bad)
    kept, broken = levels.highest_within(allowed), levels.lowest_beyond(allowed)
    if kept is None or broken is None:
        return Crossing(kept, broken, None)
    return Crossing(kept, broken, _estimate(rates, requests, bad, allowed))


def share_at(probes: Sequence[BadShare], rate_per_s: float, allowed: float) -> float:
    """Return the share of bad requests at a rate, by the curve whose crossing is at ``allowed``. Below the first level
    and above the last, it is the share of that level."""
    levels = _Levels.of(*_counts(probes, allowed))
    return float(np.interp(rate_per_s, levels.middle, levels.shares**0.5) ** 2)


def _counts(probes: Sequence[BadShare], allowed: float) -> tuple[Floats, Floats, Floats]:
    """Return the rates, the numbers of requests and those of bad ones, with the requests added to each probe."""
    rates = np.array([probe.rate_per_s for probe in probes])
    requests = np.array([probe.requests + BESIDES for probe in probes])
    return rates, requests, np.array([probe.bad + BESIDES * allowed for probe in probes])


@dataclass(frozen=True)
class _Levels:
    """The isotonic fit: ``shares`` rise from one level to the next, each from ``first`` to ``last`` rate, around
    ``middle``."""

    shares: Floats
    first: Floats
    middle: Floats
    last: Floats

    @classmethod
    def of(cls, rates: Floats, requests: Floats, bad: Floats) -> "_Levels":
        order = np.argsort(rates, kind="stable")
        rates, requests = rates[order], requests[order]
        fit = isotonic_regression(bad[order] / requests, weights=requests)
        begins, ends = fit.blocks[:-1], fit.blocks[1:] - 1
        middles = np.add.reduceat(rates * requests, begins) / np.add.reduceat(requests, begins)
        return cls(fit.x[begins], rates[begins], middles, rates[ends])

    def count_within(self, allowed: float) -> int:
        """Return the number of levels whose share is within what is allowed."""
        return int(np.searchsorted(self.shares, allowed * (1 + 1e-9), side="right"))

    def highest_within(self, allowed: float) -> float | None:
        count = self.count_within(allowed)
        return float(self.last[count - 1]) if count else None

    def lowest_beyond(self, allowed: float) -> float | None:
        count = self.count_within(allowed)
        return float(self.first[count]) if count < len(self.shares) else None

    def crossing(self, allowed: float) -> float:
        """Return the rate at which the line between two levels is at ``allowed``; the first or the last rate where no
        line crosses it."""
        count = self.count_within(allowed)
        if count in (0, len(self.shares)):
            return float(self.last[-1] if count else self.first[0])
        around = slice(count - 1, count + 1)
        return float(np.interp(allowed**0.5, self.shares[around] ** 0.5, self.middle[around]))


def _estimate(rates: Floats, requests: Floats, bad: Floats, allowed: float) -> Estimate:
    from scipy.stats import bootstrap  # the import takes a second, for which a run need not wait

    def logarithm(*probes: Floats) -> float:
        return float(np.log(_Levels.of(*probes).crossing(allowed)))

    best, method = logarithm(rates, requests, bad), "isotonic regression, bootstrap over probes, t interval"
    near = int(np.sum(np.abs(np.log(rates) - best) <= np.log(NEAR)))
    if near < MIN_NEAR:
        return Estimate(ratio_of_log(best), None, None, near, method)
    resampled = bootstrap(
        (rates, requests, bad),
        logarithm,
        paired=True,
        vectorized=False,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    half = float(stdtrit(near - 2, (1 + CONFIDENCE) / 2) * resampled.standard_error)
    value, low, high = map(ratio_of_log, (best, best - half, best + half))
    return Estimate(value, low, high, near, method)
