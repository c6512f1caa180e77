"""Combining the parts of several processes into one of the same form, so that a machine sends one for all of its
processes. It is associative: parts of parts add up to the same result."""

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from harness.generator.messages import PartEvent, PartOffered, PartRequest, PartSecond, PartSlice, Paused, ProcessResult
from harness.load.latency import LatencyHistogram
from harness.load.result import Errors

Key = TypeVar("Key", int, str)


def combine_parts(parts: Sequence[PartEvent]) -> PartEvent:
    """Return the parts of one event (at least one) as one part."""
    if len(parts) == 1:
        return parts[0]
    match parts[0]:
        case PartSecond():
            return combine_seconds([part for part in parts if isinstance(part, PartSecond)])
        case ProcessResult():
            return combine_results([part for part in parts if isinstance(part, ProcessResult)])
        case PartSlice():
            return _combine_slices([part for part in parts if isinstance(part, PartSlice)])
        case Paused():
            return Paused(opened=sum(part.opened for part in parts if isinstance(part, Paused)))
        case same:  # the begin and the end of a window say no more than that
            return same


def combine_seconds(parts: Sequence[PartSecond]) -> PartSecond:
    """Return the same second of several processes as one."""
    return PartSecond(
        end_s=max(part.end_s for part in parts),
        requests=sum(part.requests for part in parts),
        requests_per_s=sum(part.requests_per_s for part in parts),
        errors=sum(part.errors for part in parts),
        histogram=_merge([part.histogram for part in parts]),
    )


def _combine_slices(parts: Sequence[PartSlice]) -> PartSlice:
    return PartSlice(
        window=combine_results([part.window for part in parts]),
        lead_in_s=max(part.lead_in_s for part in parts),
        elapsed_s=max(part.elapsed_s for part in parts),
        answered=sum(part.answered for part in parts),
        undrained=sum(part.undrained for part in parts),
        drained_histogram=_merge([part.drained_histogram for part in parts]),
    )


def combine_results(parts: Sequence[ProcessResult]) -> ProcessResult:
    """Return the windows of several processes (at least one) as one: counts are added, histograms merged."""
    aged_s = [part.aged_s for part in parts if part.aged_s is not None]
    return ProcessResult(
        processes=sum(part.processes for part in parts),
        began_ns=min(part.began_ns for part in parts),
        connection_s=sum(part.connection_s for part in parts),
        requests_per_s=sum(part.requests_per_s for part in parts),
        bytes_per_s=sum(part.bytes_per_s for part in parts),
        started=sum(part.started for part in parts),
        reconnected=sum(part.reconnected for part in parts),
        requests=sum(part.requests for part in parts),
        ok=sum(part.ok for part in parts),
        to_check=sum(part.to_check for part in parts),
        checked=sum(part.checked for part in parts),
        errors=_add_errors([part.errors for part in parts]),
        protocol_reasons=_add_counts([part.protocol_reasons for part in parts]),
        unfinished=sum(part.unfinished for part in parts),
        aged_s=sum(aged_s) if len(aged_s) == len(parts) else None,
        bytes=sum(part.bytes for part in parts),
        statuses=_add_counts([part.statuses for part in parts]),
        workers=_add_counts([part.workers for part in parts]),
        open_by_port=_add_counts([part.open_by_port for part in parts]),
        duration_s=max(part.duration_s for part in parts),
        offered=_combine_offered([part.offered for part in parts if part.offered]),
        group_rates_per_s=[rate for part in parts for rate in part.group_rates_per_s],
        cpu_s=sum(part.cpu_s for part in parts),
        busy=max((part.busy for part in parts if part.busy is not None), default=None),
        stalled_s=max(part.stalled_s for part in parts),
        last_second=combine_seconds([part.last_second for part in parts]),
        by_request=[_combine_kinds(kind) for kind in zip(*(part.by_request for part in parts), strict=True)],
        histogram=_merge([part.histogram for part in parts]),
        service_histogram=_merge([part.service_histogram for part in parts]),
        unfinished_histogram=_merge([part.unfinished_histogram for part in parts]),
    )


def _combine_offered(parts: Sequence[PartOffered]) -> PartOffered | None:
    if not parts:
        return None
    return PartOffered(
        due=sum(part.due for part in parts),
        begun=sum(part.begun for part in parts),
        dropped=sum(part.dropped for part in parts),
        late=sum(part.late for part in parts),
        queued=sum(part.queued for part in parts),
        send_lag_histogram=_merge([part.send_lag_histogram for part in parts]),
    )


def _combine_kinds(parts: Sequence[PartRequest]) -> PartRequest:
    return PartRequest(
        requests=sum(part.requests for part in parts),
        ok=sum(part.ok for part in parts),
        errors=sum(part.errors for part in parts),
        histogram=_merge([part.histogram for part in parts]),
    )


def _merge(histograms: Sequence[str]) -> str:
    return LatencyHistogram.merge(histograms).encode()


def _add_errors(parts: Sequence[Errors]) -> Errors:
    return Errors(**{name: sum(getattr(part, name) for part in parts) for name in Errors.model_fields})


def _add_counts(parts: Sequence[dict[Key, int]]) -> dict[Key, int]:
    """Return the counts of all parts together, by ascending key."""
    total = Counter[Key]()
    for part in parts:
        total.update(part)
    return dict(sorted(total.items()))
