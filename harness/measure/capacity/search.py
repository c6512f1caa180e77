"""The choice of the rates to offer next: a pure function of the measurements so far.

First comes a ladder of rates up to the throughput in a closed loop, which shows the curve. Then come pairs of rates
around the capacity, one above it and one below, nearer as it becomes known better. No answer is final: a probe that
was good or bad by chance is outvoted by those that follow.
"""

import math
from typing import Final

from harness.analysis.capacity import Capacity
from harness.stats.crossing import Crossing

CLOSED_LOOP_TRIALS: Final = 3  # with fewer, their interval is too wide to be of use
LADDER: Final = (0.5, 0.7, 0.8, 0.9, 1.0)  # of the throughput in a closed loop
BEYOND: Final = 1.15  # of that throughput: an objective that is kept there is not broken at any higher rate
DOWN: Final = 0.6
FLOOR: Final = 0.01  # of that throughput: an objective that is broken there is not kept at any lower rate
NEAREST: Final = 0.04  # the least distance of a pair's rates from their middle, in logarithms
FARTHEST: Final = 0.1  # and the greatest
MIN_PROBES: Final = 13  # with fewer an interval is narrow by chance too often


def next_rates(found: Capacity) -> tuple[float, ...]:
    """Return the rates to offer next (requests/s). There are none when every rate that makes sense was offered, and all
    objectives were kept at all of them, or one was broken at all of them. ``found`` must have a saturation."""
    assert found.saturation is not None
    ceiling_per_s, offered = found.saturation.value, [probe.rate_per_s for probe in found.probes]
    if not offered:
        return tuple(ceiling_per_s * part for part in LADDER)
    if found.unkept:
        lowest = min(offered)
        return () if lowest <= FLOOR * ceiling_per_s else (lowest * DOWN, lowest * DOWN**0.5)
    broken = [crossing for crossing in found.crossings if crossing.broken is not None]
    if not broken:
        highest = max(offered)
        return () if highest >= BEYOND * ceiling_per_s else (highest * BEYOND**0.5, highest * BEYOND)
    middle, half = min(map(_next_pair, broken))
    return middle * math.exp(-half), middle * math.exp(half)


def is_found(found: Capacity, precision: float) -> bool:
    """Return whether the interval is within ±``precision`` of the answer, or no more rates could narrow it."""
    if not next_rates(found):
        return True
    rate = found.rate
    if len(found.probes) < MIN_PROBES or rate is None or rate.low is None or rate.high is None:
        return False
    return rate.high - rate.low <= 2 * precision * rate.value


def _next_pair(crossing: Crossing) -> tuple[float, float]:
    """Return the middle of the next pair of rates, and their distance from it in logarithms."""
    rate, kept, broken = crossing.rate, crossing.kept, crossing.broken
    assert rate and kept and broken  # noqa: PT018 (it is one thing that a crossing has)
    low, high = (kept, broken) if rate.low is None or rate.high is None else (rate.low, rate.high)
    return rate.value, min(FARTHEST, max(NEAREST, math.log(high / low) / 2))
