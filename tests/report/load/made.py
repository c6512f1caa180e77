"""Load results put together from given latencies, for tests of what is told of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.load.latency import LatencyHistogram, compute_spread
from harness.load.result import Errors, LoadResult, Offered, Second, SendLag

Latencies = Sequence[int] | npt.NDArray[np.int64]


def histogram_of(*latencies_ns: Latencies) -> LatencyHistogram:
    """All of the latencies (ns) in one histogram."""
    histogram = LatencyHistogram()
    for each in latencies_ns:
        histogram.record(np.asarray(each, dtype=np.int64))
    return histogram


def closed(*seconds_ns: Latencies, **changes: Any) -> LoadResult:
    """A closed loop in which requests with these latencies (ns) ended in each second; ``changes`` replace fields."""
    requests, duration_s = sum(map(len, seconds_ns)), max(1.0, float(len(seconds_ns)))
    histogram = histogram_of(*seconds_ns)
    fields = {
        "url": "http://127.0.0.1:8080/cart",
        "threads": 2,
        "connections": 40,
        "started": requests,
        "requests": requests,
        "ok": requests,
        "errors": Errors(),
        "unfinished": 0,
        "asked_duration_s": duration_s,
        "duration_s": duration_s,
        "requests_per_s": requests / duration_s,
        "bytes": requests * 100,
        "bytes_per_s": requests * 100 / duration_s,
        "latency_ms": histogram.summary(),
        "group_requests_per_s": compute_spread(np.array([requests / duration_s / 2] * 2)),
        "statuses": {200: requests},
        "workers": {},
        "generator_cpu_s": 0.1,
        "series": [_second(float(number), each) for number, each in enumerate(seconds_ns, start=1)],
        "histogram": histogram.encode(),
        "service_histogram": histogram.encode(),
    }
    return LoadResult.model_validate(fields | changes)


def opened(*seconds_ns: Latencies, service_ns: Latencies, kind: str = "poisson", **changes: Any) -> LoadResult:
    """An open loop with these response times in each second, and these service times altogether (ns)."""
    due, service = sum(map(len, seconds_ns)), histogram_of(service_ns)
    offered = Offered.model_validate(
        {
            "kind": kind,
            "is_ramp": False,
            "asked_per_s": 500.0,
            "rate_per_s": due / len(seconds_ns),
            "due": due,
            "begun": due,
            "dropped": 0,
            "late": 0,
            "queued": 0,
            "send_lag_us": SendLag(p50=12.0, p90=20.0, p99=85.0, p99_9=220.0, max=1203.0),
        }
    )
    fields = {
        "loop": "open",
        "offered": offered,
        "service_ms": service.summary(),
        "service_histogram": service.encode(),
    }
    return closed(*seconds_ns, **(fields | changes))


def _second(end_s: float, latencies_ns: Latencies) -> Second:
    histogram = histogram_of(latencies_ns)
    summary = histogram.summary()
    return Second(
        end_s=end_s,
        requests=len(latencies_ns),
        requests_per_s=float(len(latencies_ns)),
        errors=0,
        p50_ms=summary.p50 if summary else None,
        p99_ms=summary.p99 if summary else None,
        max_ms=summary.max if summary else None,
        histogram=histogram.encode(),
    )
