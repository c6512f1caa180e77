"""Merging the results of several processes into one: counts are added, histograms merged, nothing is averaged."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from harness.generator.crew import Crew
from harness.generator.messages import PartEvent, PartOffered, PartRequest, PartSecond, ProcessResult
from harness.load.arrivals import mean_rate_per_s
from harness.load.health import check_health
from harness.load.latency import LatencyHistogram, compute_spread
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


class Alignment:
    """The events of several processes, of which those that belong together are returned together."""

    def __init__(self, parts: int) -> None:
        self._queues: list[deque[PartEvent]] = [deque() for _ in range(parts)]

    def take(self, index: int, event: PartEvent) -> Iterator[list[PartEvent]]:
        """Add the event of one process, and yield the parts of every event that is complete with it."""
        self._queues[index].append(event)
        while all(self._queues):
            # A process that was held up may have sent fewer seconds than another: then the second is without it.
            seconds = [queue for queue in self._queues if isinstance(queue[0], PartSecond)]
            yield [queue.popleft() for queue in seconds or self._queues]


class Collector:
    """A collector of the events of a crew, which merges each event once all of its parts have come."""

    def __init__(self, load: Load, crew: Crew) -> None:
        self._load = load
        self._crew = crew
        self._alignment = Alignment(crew.parts)
        self._series: list[Second] = []

    def take(self, index: int, event: PartEvent) -> Iterator[Event]:
        """Add one part of an event, and yield every merged event that is complete with it."""
        for parts in self._alignment.take(index, event):
            if (merged := self._merge_events(parts)) is not None:
                yield merged

    def _merge_events(self, events: Sequence[PartEvent]) -> Event | None:
        match events[0]:
            case PartSecond():
                self._series.append(merge_seconds([event for event in events if isinstance(event, PartSecond)]))
                return self._series[-1]
            case ProcessResult():
                parts = [event for event in events if isinstance(event, ProcessResult)]
                last = merge_seconds([part.last_second for part in parts])
                return merge_parts(self._load, parts, [*self._series, last], self._crew)
            case WindowEnded():
                return WindowEnded()
            case WindowBegan():
                self._series.clear()  # the seconds so far were of the warm-up
                return WindowBegan()
            case _:  # of slices, which are joined elsewhere
                return None


def merge_seconds(parts: Sequence[PartSecond]) -> Second:
    """Return the same second of every process as one row."""
    histogram = LatencyHistogram.merge(part.histogram for part in parts)
    p50_ms, p99_ms, max_ms = row_percentiles_ms(histogram)
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


def row_percentiles_ms(histogram: LatencyHistogram) -> tuple[float | None, float | None, float | None]:
    """Return p50, p99 and maximum of a row of the series (ms); None where no request ended."""
    if not histogram.total:
        return None, None, None
    p50_ns, p99_ns, max_ns = histogram.percentiles_ns([50, 99, 100])
    return p50_ns / NS_PER_MS, p99_ns / NS_PER_MS, max_ns / NS_PER_MS


def merge_parts(load: Load, parts: Sequence[ProcessResult], series: list[Second], crew: Crew) -> LoadResult:
    """Return the result of a whole load from the parts of its crew. ``series`` has the seconds of the window."""
    duration_s = max(part.duration_s for part in parts)
    requests, size_bytes = sum(part.requests for part in parts), sum(part.bytes for part in parts)
    histogram = LatencyHistogram.merge(part.histogram for part in parts)
    service = LatencyHistogram.merge(part.service_histogram for part in parts)
    offered = _merge_offered(load, [part.offered for part in parts if part.offered], duration_s)
    busy = max((part.busy for part in parts if part.busy is not None), default=None)
    stalled_s = max(part.stalled_s for part in parts)
    errors = add_errors([part.errors for part in parts])
    latency_ms = histogram.summary()
    occupied = (
        _compute_occupancy(parts, latency_ms.mean * histogram.total * NS_PER_MS / NS_PER_S) if latency_ms else None
    )
    found = check_health(busy, stalled_s / duration_s, offered, occupied)
    return LoadResult(
        url=load.url,
        loop="open" if load.arrivals else "closed",
        threads=load.threads,
        connections=load.connections,
        processes=sum(part.processes for part in parts),
        cpus=list(crew.cpus),
        hosts=crew.describe_hosts(parts),
        started=sum(part.started for part in parts),
        reconnected=sum(part.reconnected for part in parts),
        requests=requests,
        ok=sum(part.ok for part in parts),
        to_check=sum(part.to_check for part in parts),
        checked=sum(part.checked for part in parts),
        errors=errors,
        protocol_reasons=add_counts([part.protocol_reasons for part in parts]),
        unfinished=sum(part.unfinished for part in parts),
        in_flight=None if occupied is None else occupied * load.connections,
        asked_duration_s=load.duration_s,
        duration_s=duration_s,
        requests_per_s=sum(part.requests_per_s for part in parts),
        offered=offered,
        bytes=size_bytes,
        bytes_per_s=sum(part.bytes_per_s for part in parts),
        latency_ms=latency_ms,
        service_ms=service.summary(),
        group_requests_per_s=compute_spread(np.array([rate for part in parts for rate in part.group_rates_per_s])),
        statuses=add_counts([part.statuses for part in parts]),
        workers=add_counts([part.workers for part in parts]),
        open_by_port=add_counts([part.open_by_port for part in parts]),
        generator_cpu_s=sum(part.cpu_s for part in parts),
        busy=busy,
        stalled_s=stalled_s,
        generator_bound=any(doubt.is_of_generator for doubt in found),
        doubts=found,
        by_request=_merge_kinds(load, [part.by_request for part in parts]),
        series=series,
        histogram=histogram.encode(),
        service_histogram=service.encode(),
        unfinished_histogram=LatencyHistogram.merge(part.unfinished_histogram for part in parts).encode(),
    )


def _merge_kinds(load: Load, parts: Sequence[Sequence[PartRequest]]) -> list[RequestResult]:
    """Return each kind's result over all processes; none if the load has only one kind."""
    return [_merge_kind(name, kinds) for name, kinds in zip(load.kinds, zip(*parts, strict=True), strict=False)]


def _merge_kind(name: str, parts: Sequence[PartRequest]) -> RequestResult:
    histogram = LatencyHistogram.merge(part.histogram for part in parts)
    return RequestResult(
        name=name,
        requests=sum(part.requests for part in parts),
        ok=sum(part.ok for part in parts),
        errors=sum(part.errors for part in parts),
        latency_ms=histogram.summary(),
        histogram=histogram.encode(),
    )


def _merge_offered(load: Load, parts: Sequence[PartOffered], duration_s: float) -> Offered | None:
    if load.arrivals is None:
        return None
    due = sum(part.due for part in parts)
    lag = LatencyHistogram.merge(part.send_lag_histogram for part in parts)
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
        send_lag_us=_summarize_send_lag(lag) if lag.total else None,
    )


def _compute_occupancy(parts: Sequence[ProcessResult], ended_s: float) -> float | None:
    """Return the mean number of requests in flight, divided by the number of connections.

    ``ended_s`` is how long the requests that ended took, added up (seconds). Of requests that began before the window
    or ended after it, only the time within it is counted. None where a connection may have had no request.

    Source: J. D. C. Little, A Proof for the Queuing Formula L = λW (1961).
    """
    aged_s = [part.aged_s for part in parts if part.aged_s is not None]
    if len(aged_s) < len(parts):
        return None
    return max(0.0, ended_s + sum(aged_s)) / sum(part.connection_s for part in parts)


def _summarize_send_lag(lag: LatencyHistogram) -> SendLag:
    p50, p90, p99, p99_9, most = (ns / NS_PER_US for ns in lag.percentiles_ns([50, 90, 99, 99.9, 100]))
    return SendLag(p50=p50, p90=p90, p99=p99, p99_9=p99_9, max=most)


def add_errors(parts: Sequence[Errors]) -> Errors:
    """Return the errors of all parts together."""
    return Errors(**{name: sum(getattr(part, name) for part in parts) for name in Errors.model_fields})


def add_counts(parts: Sequence[dict[Key, int]]) -> dict[Key, int]:
    """Return the counts of all parts together, by ascending key."""
    total = Counter[Key]()
    for part in parts:
        total.update(part)
    return dict(sorted(total.items()))
