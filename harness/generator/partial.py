"""Requests that are under way as the window of a slice begins and ends: each counts by the part of it that is inside.

A slice is only some answers long. Where its connections keep step with each other, since all of them began at once, a
window of 7.9 answers would count 7 on each, and one of 8.1 would count 8: a difference of two per cent would look like
thirteen, or like none, in every slice alike.
"""

from collections.abc import Sequence

from harness.generator.messages import ProcessResult
from harness.load.latency import LatencyHistogram


def count_parts(window: ProcessResult, begun_ns: Sequence[int], ended_ns: Sequence[int], end_ns: int) -> ProcessResult:
    """Return the window with the rates at which its requests were answered, those under way counted by their parts.

    ``begun_ns`` and ``ended_ns`` are when the requests were due that were under way as it began, and at its end,
    ``end_ns`` (monotonic clock).
    """
    histogram = LatencyHistogram.decode(window.histogram)
    if not window.requests or not histogram.total:
        return window
    (usual_ns,) = histogram.percentiles_ns([50])
    before = add_up_parts([window.began_ns - due_ns for due_ns in begun_ns], usual_ns)
    after = add_up_parts([end_ns - due_ns for due_ns in ended_ns], usual_ns)
    factor = max(0.0, 1 + (after - before) / window.requests)
    rates = {"requests_per_s": factor * window.requests_per_s, "bytes_per_s": factor * window.bytes_per_s}
    return window.model_copy(update=rates)


def add_up_parts(ages_ns: Sequence[int], usual_ns: float) -> float:
    """Return how many answers the requests under way amount to, if an answer usually takes so long. One that has taken
    longer counts as one: a server that hangs has not answered any more."""
    return sum(min(1.0, age_ns / usual_ns) for age_ns in ages_ns)
