"""The parts of several processes as one result: counts added, histograms merged, nothing averaged."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from harness.generator.messages import PartEvent, PartOffered, PartRequest, PartSecond, ProcessResult
from harness.load.arrivals import mean_rate_per_s
from harness.load.health import doubts
from harness.load.latency import LatencyHistogram, spread_of
from harness.load.result import (
    Errors,
    Event,
    LoadResult,
    Offered,
    RequestResult,
    Second,
    SendLag,
    WindowBegan,
    WindowEnded,
)
from harness.load.spec import Load
from harness.units import NS_PER_MS, NS_PER_S, NS_PER_US

Key = TypeVar("Key", int, str)


class Collector:
    """Puts together what the processes tell, each in its own time: an event is complete when all have told theirs."""

    def __init__(self, load: Load, processes: int, cpus: Sequence[int]) -> None:
        self._load = load
        self._cpus = cpus
        self._told: list[deque[PartEvent]] = [deque() for _ in range(processes)]
        self._series: list[Second] = []

    def take(self, index: int, told: PartEvent) -> Iterator[Event]:
        """Add what one process told, and give every event that is complete by it."""
        self._told[index].append(told)
        while all(self._told):
            # A process that was held up may have told fewer seconds than another: what there is of one is added up.
            seconds = [queue for queue in self._told if isinstance(queue[0], PartSecond)]
            yield self._event([queue.popleft() for queue in seconds or self._told])

    def _event(self, told: Sequence[PartEvent]) -> Event:
        match told[0]:
            case PartSecond():
                self._series.append(merge_seconds([event for event in told if isinstance(event, PartSecond)]))
                return self._series[-1]
            case ProcessResult():
                parts = [event for event in told if isinstance(event, ProcessResult)]
                last = merge_seconds([part.last_second for part in parts])
                return merge_parts(self._load, parts, [*self._series, last], self._cpus)
            case WindowEnded():
                return WindowEnded()
            case _:
                self._series.clear()  # they were of the warm-up
                return WindowBegan()


def merge_seconds(parts: Sequence[PartSecond]) -> Second:
    """The same second of every process as one row."""
    histogram = LatencyHistogram.merged(part.histogram for part in parts)
    p50_ms, p99_ms, max_ms = (
        (ns / NS_PER_MS for ns in histogram.percentiles_ns([50, 99, 100])) if histogram.total else (None,) * 3
    )
    return Second(
        end_s=max(part.end_s for part in parts),
        requests=sum(part.requests for part in parts),
        requests_per_s=sum(part.requests_per_s for part in parts),
        errors=sum(part.errors for part in parts),
        p50_ms=p50_ms,
        p99_ms=p99_ms,
        max_ms=max_ms,
        histogram=histogram.encode(),
    )


def merge_parts(load: Load, parts: Sequence[ProcessResult], series: list[Second], cpus: Sequence[int]) -> LoadResult:
    """What all processes measured together of a load, in whose parts they did. ``series`` is that of the window."""
    duration_s = max(part.duration_s for part in parts)
    requests, size_bytes = sum(part.requests for part in parts), sum(part.bytes for part in parts)
    histogram = LatencyHistogram.merged(part.histogram for part in parts)
    service = LatencyHistogram.merged(part.service_histogram for part in parts)
    offered = _offered(load, [part.offered for part in parts if part.offered], duration_s)
    busy = max((part.busy for part in parts if part.busy is not None), default=None)
    stalled_s = max(part.stalled_s for part in parts)
    errors = _errors([part.errors for part in parts])
    latency_ms = histogram.summary()
    occupied = _occupied(load, parts, latency_ms.mean * histogram.total * NS_PER_MS / NS_PER_S) if latency_ms else None
    found = doubts(busy, stalled_s / duration_s, offered, occupied)
    return LoadResult(
        url=load.url,
        loop="open" if load.arrivals else "closed",
        threads=load.threads,
        connections=load.connections,
        processes=len(parts),
        cpus=list(cpus),
        started=sum(part.started for part in parts),
        reconnected=sum(part.reconnected for part in parts),
        requests=requests,
        ok=sum(part.ok for part in parts),
        to_check=sum(part.to_check for part in parts),
        checked=sum(part.checked for part in parts),
        errors=errors,
        protocol_reasons=_counts([part.protocol_reasons for part in parts]),
        unfinished=sum(part.unfinished for part in parts),
        in_flight=None if occupied is None else occupied * load.connections,
        asked_duration_s=load.duration_s,
        duration_s=duration_s,
        requests_per_s=sum(part.requests / part.duration_s for part in parts),
        offered=offered,
        bytes=size_bytes,
        bytes_per_s=sum(part.bytes / part.duration_s for part in parts),
        latency_ms=latency_ms,
        service_ms=service.summary(),
        group_requests_per_s=spread_of(np.array([rate for part in parts for rate in part.group_rates_per_s])),
        statuses=_counts([part.statuses for part in parts]),
        workers=_counts([part.workers for part in parts]),
        generator_cpu_s=sum(part.cpu_s for part in parts),
        busy=busy,
        stalled_s=stalled_s,
        generator_bound=any(doubt.is_of_generator for doubt in found),
        doubts=found,
        by_request=_by_request(load, [part.by_request for part in parts]),
        series=series,
        histogram=histogram.encode(),
        service_histogram=service.encode(),
    )


def _by_request(load: Load, parts: Sequence[Sequence[PartRequest]]) -> list[RequestResult]:
    """Every kind, if there are several, over all processes."""
    return [_kind(name, kinds) for name, kinds in zip(load.kinds, zip(*parts, strict=True), strict=False)]


def _kind(name: str, parts: Sequence[PartRequest]) -> RequestResult:
    histogram = LatencyHistogram.merged(part.histogram for part in parts)
    return RequestResult(
        name=name,
        requests=sum(part.requests for part in parts),
        ok=sum(part.ok for part in parts),
        errors=sum(part.errors for part in parts),
        latency_ms=histogram.summary(),
        histogram=histogram.encode(),
    )


def _offered(load: Load, parts: Sequence[PartOffered], duration_s: float) -> Offered | None:
    if load.arrivals is None:
        return None
    due = sum(part.due for part in parts)
    lag = LatencyHistogram.merged(part.send_lag_histogram for part in parts)
    return Offered(
        kind=load.arrivals.kind,
        is_ramp=bool(load.arrivals.stages),
        asked_per_s=mean_rate_per_s(load),
        rate_per_s=due / duration_s,
        due=due,
        begun=sum(part.begun for part in parts),
        dropped=sum(part.dropped for part in parts),
        late=sum(part.late for part in parts),
        queued=sum(part.queued for part in parts),
        send_lag_us=_send_lag(lag) if lag.total else None,
    )


def _occupied(load: Load, parts: Sequence[ProcessResult], ended_s: float) -> float | None:
    """How many requests were on their way at a time, as a part of the connections, from how long those that ended took
    together (seconds); None where a connection may have had none.

    Source: J. D. C. Little, A Proof for the Queuing Formula L = λW (1961); of those that the window cuts in two, what
    was outside of it is left out.
    """
    aged_s = [part.aged_s for part in parts if part.aged_s is not None]
    if len(aged_s) < len(parts):
        return None
    pairs = zip(load.shares(len(parts)), parts, strict=True)
    return max(0.0, ended_s + sum(aged_s)) / sum(share.connections * part.duration_s for share, part in pairs)


def _send_lag(lag: LatencyHistogram) -> SendLag:
    p50, p90, p99, p99_9, most = (ns / NS_PER_US for ns in lag.percentiles_ns([50, 90, 99, 99.9, 100]))
    return SendLag(p50=p50, p90=p90, p99=p99, p99_9=p99_9, max=most)


def _errors(parts: Sequence[Errors]) -> Errors:
    return Errors(**{name: sum(getattr(part, name) for part in parts) for name in Errors.model_fields})


def _counts(parts: Sequence[dict[Key, int]]) -> dict[Key, int]:
    total = Counter[Key]()
    for part in parts:
        total.update(part)
    return dict(sorted(total.items()))
