"""A point, an interval and how it was made. Intervals are over trials, never over requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import stdtrit

from harness.stats.paired import Paired, Running, effect_of

CONFIDENCE: Final = 0.95
MOST_LOG: Final = 300.0  # of a ratio: figures of two trials may be so far apart that an interval knows no number
MOST_AT_ONCE: Final = 2**19  # of the numbers that are resampled: what fits the caches, whatever there is of memory


@dataclass(frozen=True)
class Estimate:
    """``low`` and ``high`` are None when ``n`` trials (or blocks) are too few for an interval."""

    value: float
    low: float | None
    high: float | None
    n: int
    method: str

    def inverse(self) -> "Estimate":
        """Of a positive ratio, the same the other way round."""
        low, high = (1 / end if end is not None else None for end in (self.high, self.low))
        return Estimate(1 / self.value, low, high, self.n, self.method)

    def negated(self) -> "Estimate":
        """Return that of a difference, the other way round."""
        low, high = (-end if end is not None else None for end in (self.high, self.low))
        return Estimate(-self.value, low, high, self.n, self.method)

    def times(self, factor: float) -> "Estimate":
        """Return it in other units, so to speak (``factor`` above 0)."""
        low, high = (end * factor if end is not None else None for end in (self.low, self.high))
        return Estimate(self.value * factor, low, high, self.n, self.method)


def mean_over_trials(values: Sequence[float]) -> Estimate:
    """The geometric mean of one figure per trial (at least one trial) and its 95 % interval.

    Rates and costs vary by factors, so the interval is Student's t on logarithms: it never reaches below zero, and
    the quotient of two such means over the same blocks is the ratio of :func:`ratio_of_logs`. A figure of
    zero has no logarithm; with one, this is the plain mean and has no interval.
    """
    if min(values) <= 0:
        return Estimate(float(np.mean(values)), None, None, len(values), "mean over trials")
    return _exponential(np.log(values).tolist(), "geometric mean over trials, t interval of logarithms")


def share_over_trials(shares: Sequence[float]) -> Estimate:
    """The mean of a part of one per trial (at least one trial), such as that of the errors, and its 95 % t interval,
    which does not reach beyond 0 and 1."""
    mean, method = float(np.mean(shares)), "mean over trials, t interval"
    if len(shares) < 2:
        return Estimate(mean, None, None, len(shares), method)
    half = _half_width(shares)
    return Estimate(mean, max(0.0, mean - half), min(1.0, mean + half), len(shares), method)


def difference_of(values: Sequence[float]) -> Estimate:
    """Return the mean of the differences to the baseline, one for each round that holds both, with its 95 % paired t
    interval."""
    mean, method = float(np.mean(values)), "mean difference within rounds, paired t interval"
    if len(values) < 2:
        return Estimate(mean, None, None, len(values), method)
    half = _half_width(values)
    return Estimate(mean, mean - half, mean + half, len(values), method)


def product_of(one: Estimate, other: Estimate) -> Estimate:
    """Of two positive figures that are estimated independently: their intervals are put together on logarithms by MOVER
    (Zou and Donner, Stat. Med. 27, 2008). Without an interval where either has none."""
    value, n, method = one.value * other.value, min(one.n, other.n), f"{one.method}; times {other.method}; MOVER"
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return Estimate(value, None, None, n, method)
    below = np.hypot(np.log(one.value / one.low), np.log(other.value / other.low))
    above = np.hypot(np.log(one.high / one.value), np.log(other.high / other.value))
    return Estimate(value, value * ratio_of_log(-below), value * ratio_of_log(above), n, method)


def ratio_of_logs(logs: Sequence[float]) -> Estimate:
    """How many times the baseline, from the logarithms of the ratios to it, one for each block that holds both.

    Their mean and its 95 % paired t interval, taken back from logarithms: what the machine does to a whole block
    cancels out.
    """
    return _exponential(logs, "mean log-ratio within blocks, paired t interval")


def ratio_of(pairs: Paired) -> Estimate:
    """The same, at equal pace where the pace is known: see :mod:`harness.stats.paired`."""
    if not pairs.is_adjusted:
        return ratio_of_logs(pairs.logs)
    running = Running.of(pairs)
    effect, half = running.effects[-1], running.errors[-1] * stdtrit(running.freedom[-1], (1 + CONFIDENCE) / 2)
    value, low, high = map(ratio_of_log, (effect, effect - half, effect + half))
    return Estimate(value, low, high, len(pairs), "mean log-ratio within blocks at equal pace, analysis of covariance")


def ratio_of_log(log: float) -> float:
    """Return the ratio that has the logarithm, as far as numbers go."""
    return float(np.exp(np.clip(log, -MOST_LOG, MOST_LOG)))


def bootstrap_interval(pairs: Paired) -> tuple[float, float] | None:
    """The 95 % interval of the same ratio without supposing a shape of the noise: the bootstrap of SciPy, percentiles
    of 9,999 resamples (always the same ones). None with fewer than two blocks, or when all are equal."""
    if len(pairs) < 2 or len(set(pairs.logs)) == 1:
        return None
    paces = pairs.paces if pairs.paces is not None and pairs.is_adjusted else (0.0,) * len(pairs)
    from scipy.stats import bootstrap  # a second of imports, which a run need not wait for

    found = bootstrap(
        (pairs.logs, paces),
        effect_of,
        paired=True,
        vectorized=True,
        confidence_level=CONFIDENCE,
        method="percentile",
        batch=max(1, MOST_AT_ONCE // len(pairs)),
        rng=np.random.default_rng(0),
    )
    return ratio_of_log(found.confidence_interval.low), ratio_of_log(found.confidence_interval.high)


def _exponential(logs: Sequence[float], method: str) -> Estimate:
    """The mean of the logarithms and its t interval, taken back from logarithms."""
    mean = float(np.mean(logs))
    if len(logs) < 2:
        return Estimate(ratio_of_log(mean), None, None, len(logs), method)
    half = _half_width(logs)
    return Estimate(ratio_of_log(mean), ratio_of_log(mean - half), ratio_of_log(mean + half), len(logs), method)


def _half_width(values: Sequence[float]) -> float:
    """Of the t interval of the mean of two values or more."""
    error = np.std(values, ddof=1) / len(values) ** 0.5
    return float(error * stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2))
