"""Requests of a closed loop that are under way as a window begins and ends: each counts by the part that is inside.

A window may be only some answers long: a slice always is, and so is a whole trial of a slow service. Where connections
keep step with each other, a window of 7.9 answers would count 7 on each, and one of 8.1 would count 8: a difference of
two per cent would look like thirteen, or like none, in every window alike.
"""

from collections.abc import Sequence

from harness.generator.messages import PartSlice, ProcessResult
from harness.load.latency import LatencyHistogram


def count_parts(window: ProcessResult, begun_ns: Sequence[int], ended_ns: Sequence[int], end_ns: int) -> ProcessResult:
    """Return the window with the rates at which its requests were answered, those under way counted by their parts.

    ``begun_ns`` and ``ended_ns`` are when the requests were due that were under way as it began, and at its end,
    ``end_ns`` (monotonic clock). Where requests failed, what was under way may not have been answered: the window stays
    as it is. How long a request takes that is under way is taken to be the mean of those that are. So the window may
    begin only when each connection was answered: before, those that take long are unseen, and a queue is still growing.
    """
    if not window.requests or window.aged_s is None:
        return window
    usual_ns = LatencyHistogram.decode(window.histogram).mean_under_way_ns()
    before = add_up_parts([window.began_ns - due_ns for due_ns in begun_ns], usual_ns)
    after = add_up_parts([end_ns - due_ns for due_ns in ended_ns], usual_ns)
    answered = window.requests + after - before
    if answered <= 0:  # it began and ended with the same answers
        return window
    return multiply_rates(window, answered / window.requests)


def count_all(measured: PartSlice) -> PartSlice:
    """Return the slice with the rates at which all its requests were answered, from idle to idle.

    Where requests are in one line, the server is as busy in lead-in and drain as in its window: the rate is the same,
    over a quarter more time, and none is under way at the ends. Of several lines, one ends before the others. Where
    requests were given up, it waited for them: then the rates stay those of the window.
    """
    window = measured.window
    if measured.undrained or window.aged_s is None or not window.requests_per_s:
        return measured
    factor = measured.answered / measured.elapsed_s / window.requests_per_s
    return measured.model_copy(update={"window": multiply_rates(window, factor)})


def multiply_rates(window: ProcessResult, factor: float) -> ProcessResult:
    """Return the window with its rates multiplied."""
    rates = {"requests_per_s": factor * window.requests_per_s, "bytes_per_s": factor * window.bytes_per_s}
    return window.model_copy(update=rates)


def add_up_parts(ages_ns: Sequence[int], usual_ns: float) -> float:
    """Return how many answers the requests under way amount to, if an answer usually takes so long. One that has taken
    longer counts as one: a server that hangs has not answered any more."""
    return sum(min(1.0, age_ns / usual_ns) for age_ns in ages_ns)
