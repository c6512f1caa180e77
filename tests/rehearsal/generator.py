"""What the load generator would have measured of a simulated server: counts, histograms, seconds, doubts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from harness.load.arrivals import arrival_times_ns, mean_rate_per_s
from harness.load.health import check_health
from harness.load.latency import LatencyHistogram, compute_spread
from harness.load.result import Errors, LoadResult, Offered, Second, SendLag
from harness.load.spec import Load
from harness.units import NS_PER_S
from tests.rehearsal.service import (
    Requests,
    Seconds,
    Service,
    Window,
    serve_closed_loop,
    serve_open_loop,
    serve_shared_line,
)

BODY_BYTES: Final = 120
HEAD_BYTES: Final = 80
SPREAD_S: Final = 0.1  # of wrk's Req/Sec
LAG: Final = SendLag(p50=4.0, p90=9.0, p99=21.0, p99_9=48.0, max=90.0)

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Worker:
    """What became of the requests of one worker: of each, whether it is answered with an error."""

    pid: int
    requests: Requests
    is_error: Flags


def generate_load(
    load: Load, service: Service, slowdown: float, pids: Sequence[int], dice: np.random.Generator
) -> list[Worker]:
    """Send the load to the workers with these pids, whose service times are so many times the usual ones."""
    serve = _serve_arrivals if load.arrivals else _serve_connections
    served = serve(load, service, slowdown, len(pids), dice)
    return [
        Worker(pid, requests, dice.random(len(requests.due_s)) < service.failing)
        for pid, requests in zip(pids, served, strict=True)
    ]


def _serve_connections(
    load: Load, service: Service, slowdown: float, workers: int, dice: np.random.Generator
) -> list[Requests]:
    """Serve a closed loop, whose connections are shared out to the workers as evenly as can be."""
    number = _enough((load.warmup_s + load.duration_s) / (service.mean_s * slowdown))
    connections = [load.connections // workers + (worker < load.connections % workers) for worker in range(workers)]
    return [serve_closed_loop(service.draw_s(dice, number if own else 0) * slowdown, own) for own in connections]


def _serve_arrivals(
    load: Load, service: Service, slowdown: float, workers: int, dice: np.random.Generator
) -> list[Requests]:
    """Serve an open loop, whose requests are taken by one worker or another at random, or by one that is free."""
    due_s = np.fromiter(arrival_times_ns(load), dtype=np.int64) / NS_PER_S
    work_s = service.draw_s(dice, len(due_s)) * slowdown
    if service.is_shared_line:
        return serve_shared_line(due_s, work_s, load.connections, workers)
    taken_by = dice.integers(workers, size=len(due_s))
    own = max(1, load.connections // workers)
    return [serve_open_loop(due_s[taken_by == each], work_s[taken_by == each], own) for each in range(workers)]


def measure_load(load: Load, url: str, workers: Sequence[Worker], generator_cpu_us: float, row_s: float) -> LoadResult:
    """Return the result of the measured window, whose series has a row each ``row_s``."""
    window = Window(load.warmup_s, load.warmup_s + load.duration_s)
    due_s, sent_s, done_s, is_error = _gather(workers)
    ended, is_done = window.holds(done_s), done_s <= window.closes_s
    begun = (due_s < window.closes_s) & (done_s > window.opens_s)
    is_late = ended & (done_s - due_s > load.timeout_s)
    good = ended & ~is_late
    failed = int((good & is_error).sum())
    errors = Errors(status=failed, timeout=int(is_late.sum()))
    requests, cpu_s = int(good.sum()), int(ended.sum()) * generator_cpu_us / 1e6
    responses = _histogram(np.minimum(done_s - due_s, load.timeout_s)[ended])
    services = _histogram(np.minimum(done_s - sent_s, load.timeout_s)[ended])
    summary, rate_per_s = responses.summary(), requests / load.duration_s
    in_flight = rate_per_s * summary.mean / 1000 if summary and not load.arrivals and not errors.timeout else None
    offered = _offer(load, due_s, sent_s, window) if load.arrivals else None
    busy = cpu_s / load.duration_s
    doubts = check_health(busy, 0.0, offered, None if in_flight is None else in_flight / load.connections)
    statuses = {200: requests - failed, 500: failed}
    return LoadResult(
        url=url,
        loop="open" if load.arrivals else "closed",
        threads=load.threads,
        connections=load.connections,
        started=int(begun.sum()),
        requests=requests,
        ok=requests - failed,
        errors=errors,
        unfinished=int((begun & ~is_done).sum()),
        in_flight=in_flight,
        asked_duration_s=load.duration_s,
        duration_s=load.duration_s,
        requests_per_s=rate_per_s,
        offered=offered,
        bytes=requests * (HEAD_BYTES + BODY_BYTES),
        bytes_per_s=rate_per_s * (HEAD_BYTES + BODY_BYTES),
        latency_ms=summary,
        service_ms=services.summary(),
        group_requests_per_s=compute_spread(_rates_per_group(done_s[good], window, load.threads)),
        statuses={status: count for status, count in statuses.items() if count},
        workers=_count_by_worker(workers, window, load.timeout_s),
        generator_cpu_s=cpu_s,
        busy=busy,
        generator_bound=any(doubt.is_of_generator for doubt in doubts),
        doubts=doubts,
        series=list(_rows(due_s, done_s, is_error, window.split(row_s), load.timeout_s)),
        histogram=responses.encode(),
        service_histogram=services.encode(),
    )


def _rows(
    due_s: Seconds, done_s: Seconds, is_error: Flags, windows: Sequence[Window], timeout_s: float
) -> Iterator[Second]:
    for window in windows:
        ended = window.holds(done_s)
        is_late = ended & (done_s - due_s > timeout_s)
        responses = _histogram(np.minimum(done_s - due_s, timeout_s)[ended])
        summary, requests = responses.summary(), int((ended & ~is_late).sum())
        yield Second(
            end_s=round(window.closes_s - windows[0].opens_s, 6),
            requests=requests,
            requests_per_s=requests / (window.closes_s - window.opens_s),
            errors=int((ended & (is_error | is_late)).sum()),
            p50_ms=summary.p50 if summary else None,
            p99_ms=summary.p99 if summary else None,
            max_ms=summary.max if summary else None,
            histogram=responses.encode(),
        )


def _offer(load: Load, due_s: Seconds, sent_s: Seconds, window: Window) -> Offered:
    is_due = (due_s >= window.opens_s) & (due_s < window.closes_s)
    due = int(is_due.sum())
    assert load.arrivals is not None
    return Offered(
        kind=load.arrivals.kind,
        is_ramp=bool(load.arrivals.stages),
        asked_per_s=mean_rate_per_s(load),
        rate_per_s=due / load.duration_s,
        due=due,
        begun=due,
        dropped=0,
        late=0,
        queued=int((is_due & (sent_s > due_s)).sum()),
        send_lag_us=LAG if due else None,
    )


def _gather(workers: Sequence[Worker]) -> tuple[Seconds, Seconds, Seconds, Flags]:
    return (
        np.concatenate([worker.requests.due_s for worker in workers]),
        np.concatenate([worker.requests.sent_s for worker in workers]),
        np.concatenate([worker.requests.done_s for worker in workers]),
        np.concatenate([worker.is_error for worker in workers]),
    )


def _enough(expected: float) -> int:
    """Return a number that is more than so many expected, however the dice fall."""
    return int(expected + 10 * expected**0.5 + 20)


def _histogram(times_s: Seconds) -> LatencyHistogram:
    histogram = LatencyHistogram()
    histogram.record(np.rint(times_s * NS_PER_S).astype(np.int64))
    return histogram


def _rates_per_group(done_s: Seconds, window: Window, groups: int) -> npt.NDArray[np.float64]:
    """Return the requests/s of a group of connections, on the average of all groups, every tenth of a second."""
    edges_s = np.arange(window.opens_s, window.closes_s + SPREAD_S / 2, SPREAD_S)
    return np.histogram(done_s, edges_s)[0] / SPREAD_S / groups


def _count_by_worker(workers: Sequence[Worker], window: Window, timeout_s: float) -> dict[str, int]:
    return {
        str(worker.pid): int((window.holds(worker.requests.done_s) & (worker.requests.response_s <= timeout_s)).sum())
        for worker in workers
    }
