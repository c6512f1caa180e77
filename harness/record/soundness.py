"""The consistency check of a record: its parts fit each other, and its histograms can be read."""

from collections.abc import Sequence
from itertools import pairwise

from harness.load.latency import count_latencies
from harness.load.result import LoadResult
from harness.record.trial import Slice, TrialRecord, Usage


def check_measured(record: TrialRecord) -> None:
    """Raise ValueError, naming the trial, where the record is one that no trial can have produced."""
    load = record.load
    if record.status == "ok" and not (load and load.latency_ms and load.requests_per_s > 0 and record.usage):
        raise ValueError(f"{record.trial} is called good, and nothing was measured")
    if record.usage is not None and record.usage.window_s == 0:
        raise ValueError(f"{record.trial} has a window of no length")
    if load is None:
        return
    try:
        _check_histograms(load)
    except ValueError as error:
        raise ValueError(f"a histogram of {record.trial} can't be read") from error
    is_sound = _is_accounted_for(load) and _is_in_order(load) and _is_covered(load, record.usage)
    if not (is_sound and (not record.slices or _is_cut_up(load, record.usage, record.slices))):
        raise ValueError(f"{record.trial} does not add up")


def _check_histograms(load: LoadResult) -> None:
    """Raise ValueError where a histogram can't be read, or does not hold as many requests as were counted."""
    ended = load.requests + load.errors.timeout
    whole, service, *seconds = count_latencies(
        [load.histogram, load.service_histogram, *(second.histogram for second in load.series)]
    )
    if whole != ended or service > ended:
        raise ValueError("not of as many requests as ended")
    if load.unfinished_histogram is not None and count_latencies([load.unfinished_histogram]) != [load.unfinished]:
        raise ValueError("not of as many requests as were unfinished")
    for kind in load.by_request:
        (total,) = count_latencies([kind.histogram])
        if not kind.requests <= total <= kind.ok + kind.errors:
            raise ValueError("not of as many requests as ended of one kind")
    if any(total < second.requests for total, second in zip(seconds, load.series, strict=True)):
        raise ValueError("not of as many requests as ended in that second")


def _is_accounted_for(load: LoadResult) -> bool:
    """Return whether every request has exactly one outcome."""
    offered = load.offered
    return (
        load.started == load.ok + load.errors.total + load.unfinished
        and load.requests == load.ok + load.errors.status + load.errors.body
        and (load.requests > 0 or load.requests_per_s == 0)
        and (not load.by_request or _is_shared_out(load))
        and (offered is None or offered.due == offered.begun + offered.dropped)
    )


def _is_shared_out(load: LoadResult) -> bool:
    """Return whether the responses of all kinds of requests add up to the total."""
    kinds = load.by_request
    return (
        sum(kind.requests for kind in kinds) == load.requests
        and sum(kind.ok for kind in kinds) == load.ok
        and sum(kind.errors for kind in kinds) <= load.errors.total
    )


def _is_in_order(load: LoadResult) -> bool:
    """Return whether the seconds follow each other within the window, and hold no more requests than the window."""
    ends_s = [0.0, *(second.end_s for second in load.series)]
    return (
        all(before_s < after_s for before_s, after_s in pairwise(ends_s))
        and all(end_s < load.duration_s for end_s in ends_s[:-1])
        and sum(second.requests for second in load.series) <= load.requests
    )


def _is_covered(load: LoadResult, usage: Usage | None) -> bool:
    """Return whether the usage is known for all seconds that may be discarded, which are at most half of them."""
    return usage is None or len(usage.series) >= len(load.series) // 2


def _is_cut_up(load: LoadResult, usage: Usage | None, slices: Sequence[Slice]) -> bool:
    """Return whether the slices are those of the load, and follow each other."""
    return (
        len(slices) == len(load.series)
        and sum(part.requests for part in slices) == load.requests
        and all(part.requests <= part.answered for part in slices)
        and (usage is None or usage.requests == sum(part.answered for part in slices))
        and all(before.begin_s < after.begin_s for before, after in pairwise(slices))
    )
