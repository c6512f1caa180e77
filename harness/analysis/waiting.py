"""Rules on what a server with time left waited for. Each returns the figures that point to it, or None."""

from typing import Final

from harness.analysis.global_lock import has_global_lock
from harness.load.latency import LatencyHistogram
from harness.load.result import LoadResult
from harness.record import ProcessUsage, Usage
from harness.units import MS_PER_S, NS_PER_MS, ms_text, size_text

NEAR: Final = 1.5  # times as long as without load: the requests hardly wait for each other
FAR: Final = 2.0  # times as long: most of the time they do, be it for the CPU
MAX_USED: Final = 0.5  # of what a worker can get: with more, requests also wait for each other on its core
MIN_BUSY_OTHER: Final = 0.9  # of one core
DELAYED_ACK_MS: Final = (38.0, 46.0)  # TCP_DELACK_MIN of Linux is 40 ms, and somewhat late
MIN_SHARE_DELAYED: Final = 0.5  # of the answers
QUICK_MS: Final = 19.0  # half of that: without a delayed ACK, such an answer is far quicker
MIN_IO_PRESSURE: Final = 0.2  # of the window
MIN_WRITTEN_BYTES: Final = 100  # read and written for each request: less than that is no more than a log
PAGE_BYTES: Final = 4096  # the least that a request which waits for storage reads or writes
MIN_TIMESLICES: Final = 10  # for each request; one that is handed to another thread and back takes about four


def other_process(load: LoadResult, usage: Usage) -> str | None:
    """Return that a front or a helper has no time left on its core."""
    others = [process for process in usage.processes if process.role != "worker"]
    busiest = max(others, key=lambda process: _busy_share(process, usage), default=None)
    if busiest is None or _busy_share(busiest, usage) < MIN_BUSY_OTHER:
        return None
    name = f", {busiest.program}," if busiest.program else ""
    return f"the {busiest.role} {busiest.pid}{name} used {_busy_share(busiest, usage):.0%} of one core"


def service(load: LoadResult, usage: Usage) -> str | None:
    """Return that a process of a service beside the server has no time left on its core."""
    busiest = max(usage.services, key=lambda used: used.busiest_s, default=None)
    if busiest is None or busiest.busiest_s < MIN_BUSY_OTHER * usage.window_s:
        return None
    return f"a process of the service {busiest.name} used {busiest.busiest_s / usage.window_s:.0%} of one core"


def delayed_acks(load: LoadResult, usage: Usage) -> str | None:
    """Return that most answers took as long as a delayed ACK.

    Nagle's algorithm keeps the second of two small writes back until the first is acknowledged, and the peer's kernel
    delays that. It does not on new connections, such as those of the requests that were sent without load. An answer
    takes that long and the delay then, which tells it from one that was in line for so long.
    """
    if usage.unloaded_ms is None or usage.unloaded_ms > QUICK_MS:
        return None
    low, high = (usage.unloaded_ms + delay_ms for delay_ms in DELAYED_ACK_MS)
    share = _share_between(load, (low, high))
    if share <= MIN_SHARE_DELAYED:
        return None
    return f"{share:.0%} of the answers took {low:.0f} to {high:.0f} ms, and one without load {_unloaded_text(usage)}"


def few_connections(load: LoadResult, usage: Usage) -> str | None:
    """Return that the requests hardly wait for each other: more of them at a time would be served in the same time."""
    slower = _slowdown(load, usage)
    if slower is None or slower > NEAR:
        return None
    return f"with {load.connections} connections {_slowdown_text(load, usage)}"


def disk(load: LoadResult, usage: Usage) -> str | None:
    """Return that requests waited for storage, by the kernel's I/O pressure. Where that is unknown, go by how much was
    read and written for each request."""
    known = [process.disk_bytes for process in usage.processes if process.disk_bytes is not None]
    if not known or not load.requests:
        return None
    each_bytes, pressure_s = sum(known) / usage.requests_of(load), usage.machine.io_pressure_s
    said = f"it read and wrote {size_text(each_bytes)} of storage for each request"
    if pressure_s is None:
        return said if each_bytes >= PAGE_BYTES else None
    pressure = pressure_s / usage.window_s if usage.window_s else 0.0
    if each_bytes < MIN_WRITTEN_BYTES or pressure < MIN_IO_PRESSURE:
        return None
    return f"{said}, and somebody waited for storage {min(1.0, pressure):.0%} of the time"


def locks(load: LoadResult, usage: Usage) -> str | None:
    """Return that threads go to sleep and are woken over and over for one request, as those that wait for each other
    do."""
    known = [process.timeslices for process in usage.processes if process.timeslices is not None]
    if not known or not load.requests or sum(known) < MIN_TIMESLICES * usage.requests_of(load):
        return None
    return (
        f"its threads went to sleep and were woken {sum(known) / usage.requests_of(load):,.0f} times for each request"
    )


def concurrency_limit(load: LoadResult, usage: Usage) -> str | None:
    """Return that requests wait for each other though there is CPU left: only so many are served at a time (Little's
    law)."""
    slower = _slowdown(load, usage)
    if slower is None or usage.unloaded_ms is None:
        return None
    workers = [process for process in usage.processes if process.role == "worker" and not process.ended]
    waits_for_cpu = any(_busy_share(worker, usage) > MAX_USED for worker in workers)
    if slower < (FAR if waits_for_cpu else NEAR):
        return None
    at_a_time = load.requests_per_s * usage.unloaded_ms / MS_PER_S
    threads = sum(worker.threads or 1 for worker in workers)
    return (
        f"{_slowdown_text(load, usage)}, so about {max(1.0, at_a_time):.0f} of {load.connections} was served at a"
        f" time, by {threads} thread{'' if threads == 1 else 's'}"
    )


def _busy_share(process: ProcessUsage, usage: Usage) -> float:
    """Return the share of a core that the busiest thread used; all threads, where they take turns or were not
    counted."""
    takes_turns = process.busiest_thread_s is None or has_global_lock(process.program)
    used_s = process.cpu_s if takes_turns else process.busiest_thread_s or 0.0
    lived_s = process.lived_s or usage.window_s
    return min(1.0, used_s / lived_s) if lived_s else 0.0


def _p50_ms(load: LoadResult) -> float | None:
    """Return the median service time, counted from when a request was sent: only that part is the server's."""
    summary = load.service_ms or load.latency_ms
    return summary.p50 if summary else None


def _slowdown(load: LoadResult, usage: Usage) -> float | None:
    """Return the median service time as a multiple of that without load; None where one of the two is unknown."""
    p50_ms = _p50_ms(load)
    return None if p50_ms is None or usage.unloaded_ms is None else p50_ms / usage.unloaded_ms


def _slowdown_text(load: LoadResult, usage: Usage) -> str:
    return f"the p50 was {ms_text(_p50_ms(load) or 0.0)}, and an answer without load took {_unloaded_text(usage)}"


def _unloaded_text(usage: Usage) -> str:
    return ms_text(usage.unloaded_ms or 0.0)


def _share_between(load: LoadResult, bounds_ms: tuple[float, float]) -> float:
    """Return the share of the answers that took so long."""
    p50_ms = _p50_ms(load)
    if p50_ms is None or not bounds_ms[0] <= p50_ms <= bounds_ms[1]:  # then most answers are outside the bounds
        return 0.0
    histogram = LatencyHistogram.decode(load.service_histogram if load.service_ms else load.histogram)
    above = [histogram.above(bound_ms * NS_PER_MS) for bound_ms in bounds_ms]
    return (above[0] - above[1]) / histogram.total if histogram.total else 0.0
