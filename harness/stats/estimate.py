"""Estimates: a value, its interval and the method. Intervals are over trials, never over requests."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.special import stdtrit

from harness.stats.paired import Paired, Running, effect_of

CONFIDENCE: Final = 0.95
MAX_LOG: Final = 300.0  # of a ratio: figures of two trials may differ so much that an interval would overflow
MANY_ROUNDS: Final = 200  # which resamples vary so little that a fifth of them tells the ends as well
MAX_AT_ONCE: Final = 2**19  # numbers that are resampled at once, so that they fit the CPU's caches


@dataclass(frozen=True)
class Estimate:
    """An estimate with its 95 % interval from ``low`` to ``high``. Both are None when ``n`` trials (or rounds) are too
    few for an interval."""

    value: float
    low: float | None
    high: float | None
    n: int
    method: str

    def inverse(self) -> "Estimate":
        """Return the inverse of a positive ratio."""
        low, high = (1 / end if end is not None else None for end in (self.high, self.low))
        return Estimate(1 / self.value, low, high, self.n, self.method)

    def negate(self) -> "Estimate":
        """Return the difference with the opposite sign."""
        low, high = (-end if end is not None else None for end in (self.high, self.low))
        return Estimate(-self.value, low, high, self.n, self.method)

    def times(self, factor: float) -> "Estimate":
        """Return the estimate times a factor above 0, as in another unit."""
        low, high = (end * factor if end is not None else None for end in (self.low, self.high))
        return Estimate(self.value * factor, low, high, self.n, self.method)


def mean_over_trials(values: Sequence[float]) -> Estimate:
    """Return the geometric mean of one figure per trial (at least one trial) and its 95 % interval.

    Rates and costs vary by factors, so the interval is Student's t on logarithms: it never reaches below zero, and
    the quotient of two such means over the same rounds is the ratio of :func:`ratio_of_logs`. A figure of zero has no
    logarithm; with one, the result is the arithmetic mean without an interval.
    """
    if min(values) <= 0:
        return Estimate(float(np.mean(values)), None, None, len(values), "mean over trials")
    return _exponential(np.log(values).tolist(), "geometric mean over trials, t interval of logarithms")


def share_over_trials(shares: Sequence[float]) -> Estimate:
    """Return the mean of one share per trial (at least one trial), such as that of errors, and its 95 % t interval,
    bounded by 0 and 1."""
    mean, method = float(np.mean(shares)), "mean over trials, t interval"
    if len(shares) < 2:
        return Estimate(mean, None, None, len(shares), method)
    half = _half_width(shares)
    return Estimate(mean, max(0.0, mean - half), min(1.0, mean + half), len(shares), method)


def difference_of(values: Sequence[float], rigs: tuple[str, ...] = ()) -> Estimate:
    """Return the mean of the differences to the baseline, one for each round that holds both, with its 95 % paired t
    interval; with ``rigs``, the machines that made the rounds, the mean of their means."""
    pairs = Paired(tuple(values), rigs=rigs)
    if pairs.has_rigs:
        return replace(_estimate_of(pairs), method="mean of the rigs' mean differences within rounds, t interval")
    mean, method = float(np.mean(values)), "mean difference within rounds, paired t interval"
    if len(values) < 2:
        return Estimate(mean, None, None, len(values), method)
    half = _half_width(values)
    return Estimate(mean, mean - half, mean + half, len(values), method)


def product_of(one: Estimate, other: Estimate) -> Estimate:
    """Return the product of two positive figures that are estimated independently. Their intervals are combined on
    logarithms by MOVER (Zou and Donner, Stat. Med. 27, 2008). The product has no interval where either has none."""
    value, n, method = one.value * other.value, min(one.n, other.n), f"{one.method}; times {other.method}; MOVER"
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return Estimate(value, None, None, n, method)
    below = np.hypot(np.log(one.value / one.low), np.log(other.value / other.low))
    above = np.hypot(np.log(one.high / one.value), np.log(other.high / other.value))
    return Estimate(value, value * ratio_of_log(-below), value * ratio_of_log(above), n, method)


def ratio_of_logs(logs: Sequence[float]) -> Estimate:
    """Return the ratio to the baseline, from the logarithms of the ratios in each round that holds both.

    It is their mean with its 95 % paired t interval, transformed back from logarithms. What the machine does to a whole
    round cancels out.
    """
    return _exponential(logs, "mean log-ratio within blocks, paired t interval")


def ratio_of(pairs: Paired) -> Estimate:
    """Return the ratio to the baseline, at equal core speed where that is known: see :mod:`harness.stats.paired`."""
    if not pairs.is_adjusted and not pairs.has_rigs:
        return ratio_of_logs(pairs.logs)
    found = _estimate_of(pairs)
    low, high = (None if end is None else ratio_of_log(end) for end in (found.low, found.high))
    return Estimate(ratio_of_log(found.value), low, high, found.n, found.method)


def _estimate_of(pairs: Paired) -> Estimate:
    """Return the effect with its interval, as logarithms."""
    running, method = Running.of(pairs), "mean log-ratio within blocks"
    method += " at equal pace, analysis of covariance" if pairs.is_adjusted else ""
    method += ", mean of the rigs' means" if pairs.has_rigs else ""
    effect, freedom = float(running.effects[-1]), running.freedom[-1]
    if freedom < 1:
        return Estimate(effect, None, None, len(pairs), method)
    half = float(running.errors[-1] * stdtrit(freedom, (1 + CONFIDENCE) / 2))
    return Estimate(effect, effect - half, effect + half, len(pairs), method)


def ratio_of_log(log: float) -> float:
    """Return the ratio that has the logarithm, within the range of floats."""
    return float(np.exp(np.clip(log, -MAX_LOG, MAX_LOG)))


def bootstrap_interval(pairs: Paired) -> tuple[float, float] | None:
    """Return the 95 % interval of the ratio of :func:`ratio_of` without an assumption on the distribution of the noise:
    SciPy's bootstrap, by the percentiles of 9,999 resamples, of many rounds fewer (always the same ones). None with
    fewer than two rounds, or when all are equal."""
    if len(pairs) < 2 or len(set(pairs.logs)) == 1:
        return None
    logs, paces = pairs.logs, (0.0,) * len(pairs)
    if pairs.given_slope is not None or pairs.has_rigs:
        logs = pairs.at_equal_pace
    elif pairs.paces is not None and pairs.is_adjusted:
        paces = pairs.paces
    from scipy.stats import bootstrap  # the import takes a second, for which a run need not wait

    found = bootstrap(
        (logs, paces),
        effect_of,
        paired=True,
        vectorized=True,
        confidence_level=CONFIDENCE,
        method="percentile",
        n_resamples=9_999 if len(pairs) <= MANY_ROUNDS else 1_999,
        batch=max(1, MAX_AT_ONCE // len(pairs)),
        rng=np.random.default_rng(0),
    )
    return ratio_of_log(found.confidence_interval.low), ratio_of_log(found.confidence_interval.high)


def _exponential(logs: Sequence[float], method: str) -> Estimate:
    """Return the mean of the logarithms and its t interval, transformed back from logarithms."""
    mean = float(np.mean(logs))
    if len(logs) < 2:
        return Estimate(ratio_of_log(mean), None, None, len(logs), method)
    half = _half_width(logs)
    return Estimate(ratio_of_log(mean), ratio_of_log(mean - half), ratio_of_log(mean + half), len(logs), method)


def _half_width(values: Sequence[float]) -> float:
    """Return half of the width of the t interval of the mean of two values or more."""
    error = np.std(values, ddof=1) / len(values) ** 0.5
    return float(error * stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2))
