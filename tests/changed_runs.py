"""Runs of two commits, made up on disk, whose head differs from its base in some metrics and not in others."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.load.latency import LatencyHistogram
from harness.load.result import Errors, HealthWarning, LoadResult, Second
from harness.record import Run, TrialRecord, Usage, UsageSecond
from harness.scenario import GateTable, Topology
from tests.made_runs import load_result, made_run, record, scenario_of, topology
from tests.two_commits import BASE, HEAD

RAW = topology("raw", baseline=True)
REQUESTS_PER_S = 3000
SECONDS = 3
MEMORY_BYTES = 40 * 2**20
LATE = HealthWarning(
    kind="stalled", what="the generator's loop was kept from running for 20% of the time.", advice="Look."
)


@dataclass(frozen=True)
class Made:
    """What a side does, as factors of what is usual, or more than that: of requests that fail, of bytes that each
    leaves behind, of seconds until it is ready."""

    requests: float = 1.0
    p50: float = 1.0
    p99: float = 1.0
    cpu: float = 1.0
    failing: float = 0.0
    memory: float = 1.0
    leak_bytes: float = 0.0
    late_s: float = 0.0
    body_bytes: int = 100
    scatter: float = 0.005


USUAL = Made()


def run_of(
    results: Path, head: Made, base: Made = USUAL, rounds: int = 8, gates: tuple[str, ...] = (), late_rounds: int = 0
) -> Run:
    """A run in which raw is as said on either side, with a little scatter; the generator stalled in some rounds."""
    compared = scenario_of([RAW], rounds).on_two_commits(Path("/base"), Path("/head"))
    compared = compared.model_copy(update={"gate": GateTable(fail_on=gates)})
    dice = np.random.default_rng(1)
    records = [
        _record(block, each, made, dice, is_late=block <= late_rounds)
        for block in range(1, rounds + 1)
        for each, made in zip(compared.topologies, (base, head), strict=True)
    ]
    return made_run(results, compared, records, revisions=[BASE, HEAD])


def clusters_of(results: Path, made: dict[int, Made], base: Made = USUAL, rounds: int = 8) -> Run:
    """A run of raw and of clusters, by their numbers of workers, as said."""
    clusters = [topology(f"cluster-{workers}", workers=workers) for workers in made]
    dice = np.random.default_rng(1)
    records = [
        _record(block, each, of, dice, is_late=False)
        for block in range(1, rounds + 1)
        for each, of in zip([RAW, *clusters], [base, *made.values()], strict=True)
    ]
    return made_run(results, scenario_of([RAW, *clusters], rounds), records)


def _record(block: int, of: Topology, made: Made, dice: np.random.Generator, is_late: bool) -> TrialRecord:
    def around(value: float) -> float:
        return float(value * np.exp(dice.normal(0, made.scatter)))

    rate_per_s = round(around(REQUESTS_PER_S * made.requests))
    load = _load(rate_per_s, around(1.5 * made.p50), around(8.0 * made.p99), made.failing)
    if is_late:
        load = load.model_copy(update={"doubts": [LATE], "generator_bound": True})
    usage = _usage(load.requests, around(0.2 * made.cpu), around(MEMORY_BYTES * made.memory), made.leak_bytes)
    changes = {
        "load": load,
        "usage": usage,
        "ready_s": around(0.5) + made.late_s,
        "ready_cpu_s": 0.25,
        "body_bytes": made.body_bytes,
        "body_sha256": None,
    }
    return record(block, of, rate_per_s).model_copy(update=changes)


def _load(rate_per_s: int, p50_ms: float, p99_ms: float, failing: float) -> LoadResult:
    """Three seconds alike, of which 3 % of the requests take as long as p99."""
    histogram = LatencyHistogram()
    slow = round(0.03 * rate_per_s)
    histogram.record(np.full(rate_per_s - slow, p50_ms * 1e6, dtype=np.int64))
    histogram.record(np.full(slow, p99_ms * 1e6, dtype=np.int64))
    second = histogram.encode()
    whole = LatencyHistogram.merge([second] * SECONDS)
    latency_ms, encoded = whole.summary(), whole.encode()
    bad = round(failing * rate_per_s * SECONDS)
    seconds = [
        Second(
            end_s=float(number),
            requests=rate_per_s,
            requests_per_s=float(rate_per_s),
            errors=bad // SECONDS,
            p50_ms=p50_ms,
            p99_ms=p99_ms,
            max_ms=p99_ms,
            histogram=second,
        )
        for number in range(1, SECONDS + 1)
    ]
    changes = {
        "requests": rate_per_s * SECONDS,
        "started": rate_per_s * SECONDS,
        "ok": rate_per_s * SECONDS - bad,
        "errors": Errors(status=bad),
        "statuses": {200: rate_per_s * SECONDS - bad, 500: bad},
        "duration_s": float(SECONDS),
        "asked_duration_s": float(SECONDS),
        "latency_ms": latency_ms,
        "service_ms": latency_ms,
        "histogram": encoded,
        "service_histogram": encoded,
        "series": seconds,
    }
    return load_result(rate_per_s).model_copy(update=changes)


def _usage(requests: int, cpu_ms: float, memory_bytes: float, leak_bytes: float) -> Usage:
    """One worker that uses so much for each request, and keeps so much of each."""
    made = record(1, RAW, 1).usage
    assert made is not None
    cpu_s, (worker,) = requests * cpu_ms / 1000, made.processes
    left = [round(memory_bytes + leak_bytes * requests * number / SECONDS) for number in range(1, SECONDS + 1)]
    rows = [
        UsageSecond(
            end_s=float(number), cpu_s={worker.pid: cpu_s * number / SECONDS}, rss_bytes={worker.pid: rss_bytes}
        )
        for number, rss_bytes in enumerate(left, start=1)
    ]
    held = {"user_s": cpu_s, "rss_bytes": left[-1], "pss_bytes": left[-1], "busiest_thread_s": cpu_s}
    changes = {"processes": [worker.model_copy(update=held)], "series": rows, "window_s": float(SECONDS)}
    return made.model_copy(update=changes)
