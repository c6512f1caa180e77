"""The cost of events within the window of a trial: requests that were lost or late, and the time until p99 is back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from harness.load.latency import LatencyHistogram
from harness.load.result import LoadResult
from harness.record import EventRecord
from harness.units import NS_PER_MS

AS_BEFORE: Final = 1.25  # times the greatest p99 before the event, within which a second counts as one like before


@dataclass(frozen=True)
class EventCost:
    """The cost of the events of one trial, from the first of them on.

    ``lost`` requests did not end well, were due and never sent, or still had no answer as the window closed, although
    they had waited longer than any before the event. ``again`` is how many were sent again, once, since their
    connection ended before the answer began: a client that does not do so loses them too. ``late`` are those that took
    longer than any before the event. ``recovery_s`` is how long it took until all seconds were like those before: no
    errors, and a p99 as before. Where it is not ``is_back`` within the window, it is what was left of the window, and
    so the least that it may be.
    """

    lost: int
    again: int
    late: int
    recovery_s: float
    is_back: bool


def cost_of_events(load: LoadResult, events: Sequence[EventRecord]) -> EventCost | None:
    """Return the cost of the events in a trial; None where there were none, or no second before them."""
    if not events:
        return None
    at_s = min(event.at_s for event in events)
    before = [row for row in load.series if row.end_s <= at_s]
    after = [row for row in load.series if row.end_s > at_s]
    p99s_ms = [row.p99_ms for row in before if row.p99_ms is not None]
    if not p99s_ms:
        return None
    slowest_ms = max(row.max_ms for row in before if row.max_ms is not None)
    usual_ms = AS_BEFORE * max(p99s_ms)
    unlike = [row for row in after if row.errors or row.p99_ms is None or row.p99_ms > usual_ms]
    hanging = LatencyHistogram.merge([load.unfinished_histogram] if load.unfinished_histogram else [])
    hung = hanging.above(slowest_ms * NS_PER_MS)
    return EventCost(
        lost=sum(row.errors for row in after) + (load.offered.dropped if load.offered else 0) + hung,
        again=load.reconnected,
        late=sum(LatencyHistogram.decode(row.histogram).above(slowest_ms * NS_PER_MS) for row in after),
        recovery_s=after[-1].end_s - at_s if hung else unlike[-1].end_s - at_s if unlike else 0.0,
        is_back=not hung and not (unlike and unlike[-1] is after[-1]),
    )
