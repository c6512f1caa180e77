"""Runs put together from given figures, for tests of what reports make of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np

from harness.doctor.check import Check
from harness.load.cpus import Placement
from harness.load.latency import LatencyHistogram, LatencySummary, compute_spread
from harness.load.result import Errors, HealthWarning, LoadResult, Offered, Second, SendLag
from harness.load.spec import Expectation, Request
from harness.machine.environment import Environment
from harness.measure.schedule import make_schedule
from harness.record import (
    CoreUsage,
    EndReason,
    MachineUsage,
    NoiseFloor,
    ProcessUsage,
    Program,
    Revision,
    Role,
    Run,
    RunFolder,
    RunInfo,
    ServerProcess,
    SkippedTopology,
    Status,
    TrialRecord,
    Usage,
    UsageSecond,
    read_run,
)
from harness.scenario import Scenario, ScenarioLoad, Topology
from harness.stats.sequential import SINGLE_LOOK

LOAD = ScenarioLoad(
    requests=(Request(),),
    data=None,
    arrivals=None,
    connections=40,
    threads=20,
    keepalive=True,
    processes=1,
    warmup_s=1.0,
    duration_s=3.0,
    timeout_s=2.0,
    expect=Expectation(),
)
BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def topology(name: str, workers: int | None = None, baseline: bool = False) -> Topology:
    """A topology that nobody starts."""
    family = name.replace(str(workers), "N")
    return Topology(name=name, family=family, command=("x", "{port}"), workers=workers, baseline=baseline)


def environment(cores: int = 8, load: float = 0.1) -> Environment:
    """A machine."""
    return Environment(
        cpu_model="Test | CPU",
        cores=cores,
        usable_cores=cores,
        memory_bytes=2**34,
        system="Test",
        kernel="6.0",
        python="3.11.0",
        node=None,
        packages={"aiohttp": "1.0"},
        harness="0.1.0",
        git_commit=None,
        git_dirty=None,
        git_changes=None,
        load_before=(load, load, load),
    )


@cache
def latencies(number: int) -> tuple[LatencySummary | None, str]:
    """So many, spread between 1 and 2 ms: in short, and encoded."""
    histogram = LatencyHistogram()
    histogram.record(np.linspace(1e6, 2e6, number).astype(np.int64))
    return histogram.summary(), histogram.encode()


def load_result(rate_per_s: float, errors: Errors | None = None, workers: dict[str, int] | None = None) -> LoadResult:
    """One second at this rate, with latencies spread between 1 and 2 ms."""
    errors, requests = errors or Errors(), round(rate_per_s)
    latency_ms, histogram = latencies(requests + errors.timeout)
    ok = requests - errors.status - errors.body
    return LoadResult(
        url="http://127.0.0.1:1/",
        threads=2,
        connections=4,
        started=ok + errors.total,
        requests=requests,
        ok=ok,
        errors=errors,
        unfinished=0,
        asked_duration_s=1.0,
        duration_s=1.0,
        requests_per_s=rate_per_s,
        bytes=requests * 100,
        bytes_per_s=rate_per_s * 100,
        latency_ms=latency_ms,
        group_requests_per_s=compute_spread(np.array([rate_per_s / 2] * 2)),
        statuses={200: ok},
        workers=workers or {},
        generator_cpu_s=0.1,
        series=[
            Second(
                end_s=1.0,
                requests=requests,
                requests_per_s=rate_per_s,
                errors=0,
                p50_ms=1.5,
                p99_ms=2.0,
                max_ms=2.0,
                histogram=histogram,
            )
        ],
        histogram=histogram,
        service_histogram=histogram,
    )


def offered(due: int, dropped: int = 0, late: int = 0, queued: int = 0, p99_lag_us: float | None = 20.0) -> Offered:
    """What an open loop offered in one second."""
    lag = None if p99_lag_us is None else SendLag(p50=5.0, p90=10.0, p99=p99_lag_us, p99_9=9e3, max=9e3)
    return Offered(
        kind="constant",
        is_ramp=False,
        asked_per_s=500.0,
        rate_per_s=float(due),
        due=due,
        begun=due - dropped,
        dropped=dropped,
        late=late,
        queued=queued,
        send_lag_us=lag,
    )


def open_record(
    block: int, topology: Topology, offer: Offered, service_ms: float = 0.5, doubts: list[HealthWarning] | None = None
) -> TrialRecord:
    """A trial with an open loop: response times as in load_result, and this service time of every request."""
    made = record(block, topology, offer.begun)
    assert made.load is not None
    service = LatencyHistogram()
    service.record(np.full(offer.begun, service_ms * 1e6, dtype=np.int64))
    changes = {
        "loop": "open",
        "offered": offer,
        "service_ms": service.summary(),
        "service_histogram": service.encode(),
        "doubts": doubts or [],
        "generator_bound": any(doubt.is_of_generator for doubt in doubts or ()),
    }
    return made.model_copy(update={"load": made.load.model_copy(update=changes)})


def usage(
    pids: list[int],
    cpu_s: float = 0.5,
    pace_us: float | None = None,
    run_delay_s: float = 0.0,
    cores: int = 8,
    pss_bytes: int | None = None,
) -> Usage:
    """Workers that used this much CPU each, in one second, and waited for so long for one of the cores."""
    role: Role = "worker"
    processes = [
        ProcessUsage(
            pid=pid,
            role=role,
            user_s=cpu_s,
            system_s=0.0,
            run_delay_s=run_delay_s,
            busiest_thread_s=cpu_s,
            rss_bytes=2**25,
            pss_bytes=pss_bytes,
            voluntary_switches=1,
            involuntary_switches=1,
        )
        for pid in pids
    ]
    row = UsageSecond(end_s=1.0, cpu_s=dict.fromkeys(pids, cpu_s), rss_bytes=dict.fromkeys(pids, 2**25))
    return Usage(
        window_s=1.0,
        processes=processes,
        machine=machine(busy_s=cpu_s * len(pids), cores=cores),
        series=[row],
        pace_us=pace_us,
    )


def machine(busy_s: float, cores: int = 8) -> MachineUsage:
    """A machine whose cores were busy for this long together, in one second."""
    return MachineUsage(
        cores=[
            CoreUsage(cpu=cpu, busy_s=busy_s / cores, irq_s=0.0, idle_s=max(0.0, 1.0 - busy_s / cores), steal_s=0.0)
            for cpu in range(cores)
        ],
        pressure_s=0.0,
        listen_overflows=0,
        listen_drops=0,
    )


def record(
    block: int,
    topology: Topology,
    rate_per_s: float,
    status: Status = "ok",
    reason: str | None = None,
    errors: Errors | None = None,
    served: list[int] | None = None,
    body: tuple[int, str | None] = (100, "a" * 64),
    cpu_s: float = 0.5,
    run_delay_s: float = 0.0,
    cores: int = 8,
    pss_bytes: int | None = None,
) -> TrialRecord:
    """What a trial at this rate would have left; ``served`` says how much each worker answered, ``cpu_s`` how much CPU
    it used, ``run_delay_s`` how long it waited for one of the ``cores``."""
    pids = list(range(10, 10 + (topology.workers or 1)))
    workers = {str(pid): count for pid, count in zip(pids, served or [], strict=bool(served)) if count}
    return TrialRecord(
        trial=trial_id(block, topology),
        block=block,
        position=1,
        topology=topology.name,
        workers=topology.workers,
        status=status,
        reason=reason,
        log_tail=["<b>the last | line</b>"] if reason else [],
        started_at=BEGAN,
        ready_s=0.1,
        ready_cpu_s=0.05,
        body_bytes=body[0],
        body_sha256=body[1],
        processes=[ServerProcess(pid=pid, born_s=1.0, role="worker", name="x") for pid in pids],
        load=None if status == "failed" else load_result(rate_per_s, errors, workers),
        usage=None
        if status == "failed"
        else usage(pids, cpu_s, run_delay_s=run_delay_s, cores=cores, pss_bytes=pss_bytes),
    )


def with_faults(made: TrialRecord, per_request: float, cpu_s: float | None = None) -> TrialRecord:
    """The trial, in which each request cost so many minor page faults; with another CPU time of all processes."""
    assert made.load is not None
    assert made.usage is not None
    faults = round(per_request * made.load.requests / len(made.usage.processes))
    change: dict[str, object] = {"minor_faults": faults, "major_faults": 0}
    if cpu_s is not None:
        change["user_s"] = cpu_s / len(made.usage.processes)
    processes = [process.model_copy(update=change) for process in made.usage.processes]
    return made.model_copy(update={"usage": made.usage.model_copy(update={"processes": processes})})


def trial_id(block: int, topology: Topology) -> str:
    """What a trial is called here, wherever in its block it comes."""
    return f"r{block:02d}-{topology.name}"


def scenario_of(topologies: list[Topology], rounds: int) -> Scenario:
    """A scenario with these topologies."""
    return Scenario(name="made", rounds=rounds, load=LOAD, topologies=tuple(topologies))


def made_run(
    results: Path,
    scenario: Scenario,
    records: list[TrialRecord],
    skipped: list[SkippedTopology] | None = None,
    machine: Environment | None = None,
    placement: Placement | None = None,
    ending: EndReason | None = "all rounds",
    checks: list[Check] | None = None,
    noise: NoiseFloor | None = None,
    command: str = "harness compare x",
    revisions: Sequence[Revision] = (),
    programs: Sequence[Program] = (),
) -> Run:
    """A run folder on disk with these records, read again."""
    plan = [
        each.model_copy(update={"id": trial_id(each.block, each.topology)}) for each in make_schedule(scenario, seed=1)
    ]
    info = RunInfo(
        seed=1,
        started_at=BEGAN,
        command=command,
        trials=plan,
        looks=SINGLE_LOOK.after,
        placement=placement or Placement(),
        skipped=skipped or [],
        checks=checks or [],
        noise=noise,
        revisions=list(revisions),
        programs=list(programs),
    )
    folder = RunFolder.create(results, info, scenario, machine or environment())
    for each in records:
        folder.append(each)
    if ending:
        folder.end(ending)
    return read_run(folder.path)
