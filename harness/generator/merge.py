"""Merging the parts of several processes into the events and the result of the whole load."""

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np

from harness.generator.combine import combine_results, combine_seconds
from harness.generator.crew import Crew
from harness.generator.messages import PartEvent, PartRequest, PartSecond, ProcessResult
from harness.load.arrivals import mean_rate_per_s
from harness.load.health import check_health
from harness.load.latency import LatencyHistogram, compute_spread
from harness.load.result import (
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
from harness.units import MS_PER_S, NS_PER_MS, NS_PER_US


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
    whole = combine_seconds(parts)
    p50_ms, p99_ms, max_ms = row_percentiles_ms(LatencyHistogram.decode(whole.histogram))
    return Second(
        end_s=whole.end_s,
        requests=whole.requests,
        requests_per_s=whole.requests_per_s,
        errors=whole.errors,
        p50_ms=p50_ms,
        p99_ms=p99_ms,
        max_ms=max_ms,
        histogram=whole.histogram,
    )


def row_percentiles_ms(histogram: LatencyHistogram) -> tuple[float | None, float | None, float | None]:
    """Return p50, p99 and maximum of a row of the series (ms); None where no request ended."""
    if not histogram.total:
        return None, None, None
    p50_ns, p99_ns, max_ns = histogram.percentiles_ns([50, 99, 100])
    return p50_ns / NS_PER_MS, p99_ns / NS_PER_MS, max_ns / NS_PER_MS


def merge_parts(load: Load, parts: Sequence[ProcessResult], series: list[Second], crew: Crew) -> LoadResult:
    """Return the result of a whole load from the parts of its crew. ``series`` has the seconds of the window."""
    whole = combine_results(parts)
    histogram = LatencyHistogram.decode(whole.histogram)
    latency_ms, offered = histogram.summary(), _describe_offered(load, whole)
    ended_s = latency_ms.mean * histogram.total / MS_PER_S if latency_ms else 0.0
    occupied = _compute_occupancy(whole, ended_s) if latency_ms else None
    found = check_health(whole.busy, whole.stalled_s / whole.duration_s, offered, occupied)
    return LoadResult(
        url=load.url,
        loop="open" if load.arrivals else "closed",
        threads=load.threads,
        connections=load.connections,
        processes=whole.processes,
        cpus=list(crew.cpus),
        hosts=crew.describe_hosts(parts),
        started=whole.started,
        reconnected=whole.reconnected,
        requests=whole.requests,
        ok=whole.ok,
        to_check=whole.to_check,
        checked=whole.checked,
        errors=whole.errors,
        protocol_reasons=whole.protocol_reasons,
        unfinished=whole.unfinished,
        in_flight=None if occupied is None else occupied * load.connections,
        asked_duration_s=load.duration_s,
        duration_s=whole.duration_s,
        requests_per_s=whole.requests_per_s,
        offered=offered,
        bytes=whole.bytes,
        bytes_per_s=whole.bytes_per_s,
        latency_ms=latency_ms,
        service_ms=LatencyHistogram.decode(whole.service_histogram).summary(),
        group_requests_per_s=compute_spread(np.array(whole.group_rates_per_s)),
        statuses=whole.statuses,
        workers=whole.workers,
        open_by_port=whole.open_by_port,
        generator_cpu_s=whole.cpu_s,
        busy=whole.busy,
        stalled_s=whole.stalled_s,
        generator_bound=any(doubt.is_of_generator for doubt in found),
        doubts=found,
        by_request=[_describe_kind(name, kind) for name, kind in zip(load.kinds, whole.by_request, strict=False)],
        series=series,
        histogram=whole.histogram,
        service_histogram=whole.service_histogram,
        unfinished_histogram=whole.unfinished_histogram,
    )


def _describe_kind(name: str, kind: PartRequest) -> RequestResult:
    return RequestResult(
        name=name,
        requests=kind.requests,
        ok=kind.ok,
        errors=kind.errors,
        latency_ms=LatencyHistogram.decode(kind.histogram).summary(),
        histogram=kind.histogram,
    )


def _describe_offered(load: Load, whole: ProcessResult) -> Offered | None:
    part = whole.offered
    if load.arrivals is None or part is None:
        return None
    lag = LatencyHistogram.decode(part.send_lag_histogram)
    return Offered(
        kind=load.arrivals.kind,
        is_ramp=bool(load.arrivals.stages),
        asked_per_s=mean_rate_per_s(load),
        rate_per_s=part.due / whole.duration_s,
        due=part.due,
        begun=part.begun,
        dropped=part.dropped,
        late=part.late,
        queued=part.queued,
        send_lag_us=_summarize_send_lag(lag) if lag.total else None,
    )


def _compute_occupancy(whole: ProcessResult, ended_s: float) -> float | None:
    """Return the mean number of requests in flight, divided by the number of connections.

    ``ended_s`` is how long the requests that ended took, added up (seconds). Of requests that began before the window
    or ended after it, only the time within it is counted. None where a connection may have had no request.

    Source: J. D. C. Little, A Proof for the Queuing Formula L = λW (1961).
    """
    if whole.aged_s is None:
        return None
    return max(0.0, ended_s + whole.aged_s) / whole.connection_s


def _summarize_send_lag(lag: LatencyHistogram) -> SendLag:
    p50, p90, p99, p99_9, most = (ns / NS_PER_US for ns in lag.percentiles_ns([50, 90, 99, 99.9, 100]))
    return SendLag(p50=p50, p90=p90, p99=p99, p99_9=p99_9, max=most)
