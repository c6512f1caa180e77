"""The checks, one for each way in which a load generator can be wrong: what it said, and what is so."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import psutil
from scipy import stats

from bench.checking import Row
from bench.targets import nginx
from bench.truth.loads import closed_loop, offer, open_loop
from bench.truth.server import DelayingServer
from harness.generator.process import Generator
from harness.load.arrivals import arrival_times_ns
from harness.load.cpus import list_usable_cpus
from harness.units import NS_PER_MS, NS_PER_S

FREEZE_S: Final = 1.4
FREEZE_AFTER_S: Final = 10.0
FREEZE_RUN_S: Final = 30.0
FREEZE_RATE_PER_S: Final = 500.0
DELAY_RATE_PER_S: Final = 1000.0  # often enough that the machine's cores do not fall asleep in between
DELAY_RUN_S: Final = 15.0
GAPS: Final = 10_000
FULL_SPEED_S: Final = 600.0
MANY_CONNECTIONS: Final = 5_000


def frozen() -> Iterator[Row]:
    """A server stopped for 1.4 s of 30: what the requests that came due meanwhile had to wait is in the latencies."""
    for connections in (10, 50, 400):
        with DelayingServer("none") as server:
            load = open_loop(server.url, FREEZE_RATE_PER_S, FREEZE_RUN_S, connections)
            latency = offer(load, when_measuring=_freezing(server)).latency_ms
        assert latency is not None
        what = f"frozen for {FREEZE_S} s, {connections} connections"
        yield Row(f"{what}: p99", f"{latency.p99:,.0f} ms", "1,100 ms ± 5 %", abs(latency.p99 - 1100) <= 55)
        yield Row(f"{what}: max", f"{latency.max:,.0f} ms", "≥ 1,350 ms", latency.max >= 1350)
    with DelayingServer("none") as server:
        load = closed_loop(server.url, FREEZE_RUN_S, 50)
        result = offer(load, when_measuring=_freezing(server))
    assert result.latency_ms is not None
    what = "the same in a closed loop of 50: p99"
    yield Row(what, f"{result.latency_ms.p99:,.1f} ms", "cannot see it, and says so", result.loop == "closed")


def _freezing(server: DelayingServer) -> Callable[[Generator], None]:
    """What stops the server for a while, some time after it is called."""

    def freeze() -> None:
        time.sleep(FREEZE_AFTER_S)
        os.kill(server.pid, signal.SIGSTOP)
        time.sleep(FREEZE_S)
        os.kill(server.pid, signal.SIGCONT)

    return lambda _: threading.Thread(target=freeze, daemon=True).start()


def delayed() -> Iterator[Row]:
    """Servers that draw how long they take and log how long they took."""
    for name in ("fixed", "exponential", "lognormal", "bimodal"):
        with DelayingServer(name, cpu=list_usable_cpus()[0]) as server:
            load = open_loop(server.url, DELAY_RATE_PER_S, DELAY_RUN_S, 400, "poisson")
            result = offer(load, cpus=list_usable_cpus()[-1:])
        answered_ns = server.log.took_ns[: result.requests]  # in the order of the answers: the unfinished were the last
        assert result.latency_ms is not None
        for percent, said_ms in ((50, result.latency_ms.p50), (99, result.latency_ms.p99)):
            true_ms = float(np.percentile(answered_ns, percent, method="inverted_cdf")) / NS_PER_MS
            is_met = abs(said_ms - true_ms) <= max(0.02 * true_ms, 0.5)
            yield Row(f"delays {name}: p{percent}", f"{said_ms:.2f} ms", f"{true_ms:.2f} ms", is_met)


def paced() -> Iterator[Row]:
    """Whether requests are sent when they are due, and at random where they should be."""
    cpu = list_usable_cpus()[-1:]
    for kind in ("constant", "poisson"):
        for rate_per_s in (100, 1000, 5000):
            with DelayingServer("none", cpu=list_usable_cpus()[0]) as server:
                result = offer(open_loop(server.url, rate_per_s, max(5.0, GAPS / rate_per_s / 2), 400, kind), cpus=cpu)
            assert result.offered is not None
            assert result.offered.send_lag_us is not None
            achieved, due = result.requests_per_s, result.offered.rate_per_s
            what = f"{kind}, {rate_per_s:,}/s"
            yield Row(f"{what}: achieved", f"{achieved:,.1f}/s", f"{due:,.1f}/s ± 1 %", abs(achieved / due - 1) <= 0.01)
            lag_us = result.offered.send_lag_us.p99
            asked = "≤ 100 µs" if rate_per_s == 1000 else "–"
            yield Row(f"{what}: p99 send lag", f"{lag_us:,.0f} µs", asked, lag_us <= 100 or rate_per_s != 1000)
    for seed in range(5):
        load = open_loop("http://127.0.0.1/", 1000, GAPS / 1000 * 1.1, 400, "poisson").model_copy(update={"seed": seed})
        gaps_s = np.diff(np.fromiter(arrival_times_ns(load), dtype=np.int64)[: GAPS + 1]) / NS_PER_S
        tested = stats.anderson(gaps_s, "expon", method="interpolate")  # type: ignore[call-overload]
        p_value = float(tested.pvalue)
        what = f"Anderson-Darling of {len(gaps_s):,} gaps at 1,000/s, seed {seed}: p-value"
        yield Row(what, f"{p_value:.2f}", "≥ 0.01", p_value >= 0.01)


def counted() -> Iterator[Row]:
    """With three processes, the server's own counter and the generator's counts are the same."""
    for name in ("closed", "open"):
        with DelayingServer("none") as server:
            load = closed_loop(server.url, 5.0, 40) if name == "closed" else open_loop(server.url, 3000, 5.0, 40)
            result = offer(load, processes=3)
        served, said = len(server.log.took_ns), result.requests
        yield Row(
            f"3 processes, {name} loop: responses",
            f"{said:,} and {result.unfinished} in flight",
            f"{served:,} by the server's counter",
            said <= served <= said + result.unfinished,
        )


def remembered(full_speed_s: float = FULL_SPEED_S) -> Iterator[Row]:
    """Memory at full speed over time, and for many connections."""
    sizes: list[tuple[float, int]] = []
    with nginx() as url:
        result = offer(closed_loop(f"{url}/12.txt", full_speed_s, 40), when_measuring=lambda g: _watch(g, sizes))
        first, last = _median_bytes(sizes, 0.05, 0.15), _median_bytes(sizes, 0.9, 1.0)
        what = f"memory over {full_speed_s:,.0f} s at full speed, {result.ok:,} requests"
        yield Row(what, f"{last / 2**20:.1f} MiB", f"{first / 2**20:.1f} MiB at first", last - first < 4 * 2**20)
        few, many = (_peak_bytes(f"{url}/12.txt", connections) for connections in (10, MANY_CONNECTIONS))
        what = f"memory of {MANY_CONNECTIONS:,} connections beyond that of 10"
        yield Row(what, f"{(many - few) / 2**20:.1f} MiB", "< 100 MB", many - few < 100_000_000)
        yield Row("memory of the whole process then", f"{many / 2**20:.1f} MiB", "–", True)


def _watch(generator: Generator, sizes: list[tuple[float, int]]) -> None:
    process = psutil.Process(generator.pids[0])

    def look() -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            while process.status() != psutil.STATUS_ZOMBIE:
                sizes.append((time.monotonic(), process.memory_info().rss))
                time.sleep(0.5)

    threading.Thread(target=look, daemon=True).start()


def _median_bytes(sizes: list[tuple[float, int]], begin: float, end: float) -> float:
    """Over a part of the time, from ``begin`` to ``end`` of it."""
    first_s, last_s = sizes[0][0], sizes[-1][0]
    return float(np.median([size for at_s, size in sizes if begin <= (at_s - first_s) / (last_s - first_s) <= end]))


def _peak_bytes(url: str, connections: int) -> int:
    sizes: list[tuple[float, int]] = []
    offer(closed_loop(url, 5.0, connections), when_measuring=lambda g: _watch(g, sizes))
    return max(size for _, size in sizes)
