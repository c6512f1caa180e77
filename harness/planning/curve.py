"""Response times at a rate between those that were offered.

Percentiles can't be averaged, and the percentile of a short probe is too low most of the time. So the curve through the
probes is that of the share of requests that took longer than a given time, as for an objective
(:mod:`harness.stats.crossing`). The p99 at a rate is the time that one request in a hundred exceeds. At the capacity,
it is the limit of the objective.
"""

from collections.abc import Sequence
from math import sqrt
from typing import Final

from harness.planning.evidence import Observed
from harness.stats.crossing import share_at

SHORTEST_MS: Final = 1e-3
LONGEST_MS: Final = 3.6e6  # an hour, beyond which latencies are not distinguished
PRECISION: Final = 1.001  # as a ratio: the resolution of a histogram


def response_ms(observed: Sequence[Observed], rate_per_s: float, part: float) -> float | None:
    """Return the time (milliseconds) within which this part of the requests is answered: 0.99 gives p99. None at a rate
    outside those that were offered, and where fewer requests are answered at all."""
    if not observed or not observed[0].rate_per_s <= rate_per_s <= observed[-1].rate_per_s:
        return None

    def is_within(limit_ms: float) -> bool:
        return share_at([seen.count_slower(limit_ms) for seen in observed], rate_per_s, 1 - part) <= 1 - part

    if not is_within(LONGEST_MS):
        return None
    below_ms, within_ms = SHORTEST_MS, LONGEST_MS
    while within_ms > PRECISION * below_ms:
        middle_ms = sqrt(below_ms * within_ms)
        below_ms, within_ms = (below_ms, middle_ms) if is_within(middle_ms) else (middle_ms, within_ms)
    return within_ms
