"""Response times at a rate between those that were offered.

Percentiles can't be averaged, and that of a short probe is too low most of the time. So what is drawn through the
probes is the share of the requests that took longer than a time, as for the objective (:mod:`harness.stats.crossing`),
and p99 at a rate is the time that one in a hundred takes longer than: at the capacity, what the objective says of it.
"""

from collections.abc import Sequence
from math import sqrt
from typing import Final

from harness.planning.evidence import Observed
from harness.stats.crossing import share_at

SHORTEST_MS: Final = 1e-3
LONGEST_MS: Final = 3.6e6  # an hour, beyond which no latency is told from another
PRECISION: Final = 1.001  # as a ratio: what a histogram tells


def response_ms(observed: Sequence[Observed], rate_per_s: float, part: float) -> float | None:
    """Return the time within which so large a part of the requests is answered: 0.99 gives p99. None at a rate beyond
    those that were offered, and where so many are not answered."""
    if not observed or not observed[0].rate_per_s <= rate_per_s <= observed[-1].rate_per_s:
        return None

    def is_within(limit_ms: float) -> bool:
        return share_at([seen.slower(limit_ms) for seen in observed], rate_per_s, 1 - part) <= 1 - part

    if not is_within(LONGEST_MS):
        return None
    below_ms, within_ms = SHORTEST_MS, LONGEST_MS
    while within_ms > PRECISION * below_ms:
        middle_ms = sqrt(below_ms * within_ms)
        below_ms, within_ms = (below_ms, middle_ms) if is_within(middle_ms) else (middle_ms, within_ms)
    return within_ms
