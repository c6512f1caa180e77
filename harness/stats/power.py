"""Statistical power: the minimum detectable effect of a run, and the number of rounds that it still needs."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtrit

POWER: Final = 0.9
MAX_ROUNDS: Final = 1000


def minimum_detectable_effect(logs: Sequence[float], level: float) -> float:
    """Return the least relative difference that a paired t test at this two-sided level detects with a power of 90 %,
    given as many rounds and as much scatter as in ``logs`` (at least two log-ratios)."""
    return detectable_difference(float(np.std(logs, ddof=1)), len(logs), level)


def detectable_difference(scatter: float, n: int, level: float) -> float:
    """Return the least relative difference that is detected with a power of 90 % in ``n`` rounds, whose log-ratios have
    this standard deviation."""
    return float(np.expm1(scatter * effect_size(n, level)))


def effect_size(n: int, level: float) -> float:
    """Return the least difference that is detected with a power of 90 % in ``n`` rounds, in standard deviations of a
    difference within a round."""
    return float(brentq(lambda size: _power(size, n, level) - POWER, 0.0, 1e4))


def rounds_to_settle(logs: Sequence[float], margin: float, level: float) -> int | None:
    """Return the number of further rounds that show, with a power of 90 %, that there is a difference, or that there is
    none beyond ±margin, if mean and scatter of the log-ratios stay as they are. None when that takes more than a
    thousand rounds, or the log-ratios do not scatter."""
    mean, deviation = abs(float(np.mean(logs))), float(np.std(logs, ddof=1))
    room = float(np.log1p(margin)) - mean
    if deviation == 0:
        return None
    needed = [_rounds_needed(mean / deviation, level)]
    if room > 0:
        needed.append(_rounds_needed(room / deviation, 2 * level))
    known = [n for n in needed if n is not None]
    return max(1, min(known) - len(logs)) if known else None


def _rounds_needed(size: float, level: float) -> int | None:
    """Return the smallest number of rounds, three or more, whose test has the power; None above a thousand."""
    low, high = 3, MAX_ROUNDS
    if _power(size, high, level) < POWER:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _power(size, middle, level) >= POWER else (middle + 1, high)
    return low


def _power(size: float, n: int, level: float) -> float:
    """Return the power of a t test for a mean of ``size`` standard deviations. The opposite tail is left out, since it
    hardly ever matters."""
    from scipy.stats import nct  # the import takes a second, for which the first trials need not wait

    return float(nct.sf(-stdtrit(n - 1, level / 2), n - 1, size * n**0.5))
