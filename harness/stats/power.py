"""What a run could have seen, and how much longer it would have to go on."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtrit

POWER: Final = 0.9
MOST_ROUNDS: Final = 1000


def smallest_effect(logs: Sequence[float], level: float) -> float:
    """The least relative difference that a paired t test at this two-sided level shows with a probability of 90 %,
    given as many blocks and as much scatter as in ``logs`` (two log-ratios at the least)."""
    return detectable(float(np.std(logs, ddof=1)), len(logs), level)


def detectable(scatter: float, n: int, level: float) -> float:
    """The same for ``n`` blocks whose log-ratios have this standard deviation."""
    return float(np.expm1(scatter * effect_size(n, level)))


def effect_size(n: int, level: float) -> float:
    """The same in standard deviations of a difference within a block, for ``n`` blocks."""
    return float(brentq(lambda size: _power(size, n, level) - POWER, 0.0, 1e4))


def rounds_to_settle(logs: Sequence[float], margin: float, level: float) -> int | None:
    """How many more blocks would show, with a probability of 90 %, that there is a difference or that there is none
    beyond ±margin, if mean and scatter of the log-ratios stay as they are. None when that takes more than a thousand.
    """
    mean, deviation = abs(float(np.mean(logs))), float(np.std(logs, ddof=1))
    room = float(np.log1p(margin)) - mean
    if deviation == 0:
        return None
    needed = [_blocks(mean / deviation, level)]
    if room > 0:
        needed.append(_blocks(room / deviation, 2 * level))
    known = [n for n in needed if n is not None]
    return max(1, min(known) - len(logs)) if known else None


def _blocks(size: float, level: float) -> int | None:
    """The least number of blocks, three or more, whose test has the power; None when it is more than a thousand."""
    low, high = 3, MOST_ROUNDS
    if _power(size, high, level) < POWER:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _power(size, middle, level) >= POWER else (middle + 1, high)
    return low


def _power(size: float, n: int, level: float) -> float:
    """Of a t test, for a mean of ``size`` standard deviations: the other tail hardly ever matters, and is left out."""
    from scipy.stats import nct  # a second of imports, which the first trials need not wait for

    return float(nct.sf(-stdtrit(n - 1, level / 2), n - 1, size * n**0.5))
