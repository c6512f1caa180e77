"""A point, an interval and how it was made. Intervals are over trials, never over requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

CONFIDENCE: Final = 0.95


@dataclass(frozen=True)
class Estimate:
    """``low`` and ``high`` are None when ``n`` trials (or blocks) are too few for an interval."""

    value: float
    low: float | None
    high: float | None
    n: int
    method: str


def mean_over_trials(values: Sequence[float]) -> Estimate:
    """The mean and its 95 % Student t interval. ``values`` are one figure per trial, at least one of them."""
    low, high = _t_interval(values)
    return Estimate(float(np.mean(values)), low, high, len(values), "mean over trials, t interval")


def ratio_within_blocks(pairs: Sequence[tuple[float, float]]) -> Estimate:
    """How many times the baseline: pairs of (baseline, topology), one for each block that holds both, all positive.

    The mean of the log-ratios within blocks and its 95 % paired t interval, taken back from logarithms: what the
    machine does to a whole block cancels out.
    """
    logs = [float(np.log(other / baseline)) for baseline, other in pairs]
    low, high = _t_interval(logs)
    return Estimate(
        value=float(np.exp(np.mean(logs))),
        low=None if low is None else float(np.exp(low)),
        high=None if high is None else float(np.exp(high)),
        n=len(logs),
        method="mean log-ratio within blocks, paired t interval",
    )


def _t_interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    if len(values) < 2:
        return None, None
    error = float(stats.sem(values))
    half = error * float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1))
    mean = float(np.mean(values))
    return mean - half, mean + half
