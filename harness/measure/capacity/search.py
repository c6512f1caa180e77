"""Which rates to offer next: a pure function of what was seen so far.

First a ladder of rates up to the throughput in a closed loop, which shows the curve. Then pairs of rates around the one
that is looked for, one above and one below, nearer as it becomes known better. No answer is final: a probe that was
lucky is outvoted by those that follow.
"""

import math
from typing import Final

from harness.analysis.capacity import Capacity
from harness.stats.crossing import Crossing

CEILINGS: Final = 3  # trials in a closed loop: fewer have no interval to speak of
LADDER: Final = (0.5, 0.7, 0.8, 0.9, 1.0)  # of the throughput in a closed loop
BEYOND: Final = 1.15  # of it: what is kept there is not broken by more
DOWN: Final = 0.6
FLOOR: Final = 0.01  # of it: what is broken there is not kept by less
NEAREST: Final = 0.04  # of a pair, from the middle, in logarithms
FARTHEST: Final = 0.1
LEAST_PROBES: Final = 13  # with fewer an interval is narrow by chance too often


def next_rates(found: Capacity) -> tuple[float, ...]:
    """The rates to offer next (requests/s); none when every rate that makes sense was offered and all objectives are
    kept, or one is broken at all of them. ``found`` has a saturation."""
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
    middle, half = min(map(_around, broken))
    return middle * math.exp(-half), middle * math.exp(half)


def is_found(found: Capacity, precision: float) -> bool:
    """Whether the interval is within ±``precision`` of the answer, or no more rates could tell it."""
    if not next_rates(found):
        return True
    rate = found.rate
    if len(found.probes) < LEAST_PROBES or rate is None or rate.low is None or rate.high is None:
        return False
    return rate.high - rate.low <= 2 * precision * rate.value


def _around(crossing: Crossing) -> tuple[float, float]:
    """The middle of the next pair, and how far from it they are, in logarithms."""
    rate, kept, broken = crossing.rate, crossing.kept, crossing.broken
    assert rate and kept and broken  # noqa: PT018 (it is one thing that a crossing has)
    low, high = (kept, broken) if rate.low is None or rate.high is None else (rate.low, rate.high)
    return rate.value, min(FARTHEST, max(NEAREST, math.log(high / low) / 2))
