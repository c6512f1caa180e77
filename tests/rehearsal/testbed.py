"""A machine on which trials are simulated: each takes virtual time, and comes out by the law of its service."""

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from harness.doctor.check import Check
from harness.load.cpus import Placement
from harness.load.failures import describe_failures
from harness.load.result import LoadResult, Second
from harness.load.spec import Load, Target
from harness.machine.environment import Environment
from harness.measure.interleaving import Tried
from harness.measure.launch import AfterWarmup
from harness.measure.progress import Phase, Progress, Watch
from harness.measure.schedule import count_rotations
from harness.measure.testbed import Testbed
from harness.record import (
    CoreUsage,
    MachineUsage,
    PlannedTrial,
    ProcessUsage,
    Program,
    Role,
    ServerProcess,
    Slice,
    TrialRecord,
    Usage,
    UsageSecond,
    WorkerCounts,
)
from harness.scenario import Scenario, Topology
from harness.server.service import UpService
from tests.made_runs import BEGAN, environment
from tests.rehearsal.generator import BODY_BYTES, Worker, generate_load, measure_load
from tests.rehearsal.service import MIB, Service, Window

BODY_SHA256: Final = hashlib.sha256(b"a page").hexdigest()
CORE_SPEED_US: Final = 50.0  # CPU time of the probe's piece of work, on a core of the usual speed
GENERATOR_CPU_US: Final = 30.0  # for each request
STOP_S: Final = 0.1
PORT: Final = 8080
FIRST_PID: Final = 1000
PIDS: Final = 100  # of one trial
SUPERVISOR_BYTES: Final = 20 * MIB


@dataclass
class VirtualTestbed(Testbed):
    """A machine with so many ``cores``, on which each topology is the service of its name, or else a usual one.

    Of two commits or mallocs, each side of a topology is the service of its own name (raw-head, raw-keep) or, without
    one, that of the topology.
    ``drift`` is the scatter of the speed of the cores from round to round, and ``scatter`` that of the service times
    from trial to trial, both as standard deviations of logarithms. The ``seed`` and the trial's id draw all that is
    random in a trial, so that it comes out the same whatever was measured before.
    """

    services: Mapping[str, Service] = field(default_factory=dict)
    seed: int = 1
    cores: int = 8
    drift: float = 0.0
    scatter: float = 0.0
    row_s: float = 1.0  # of the series of a trial
    interrupt_at: int | None = None  # the trial, counted from 1, at the beginning of which somebody presses Ctrl-C
    elapsed_s: float = 0.0  # of virtual time, since the testbed was set up
    trials: int = field(default=0, repr=False)  # begun so far

    def exclusive_run(self) -> AbstractContextManager[None]:
        """Return a context that excludes nobody: a simulation disturbs no other run."""
        return nullcontext()

    def now(self) -> datetime:
        """Return the virtual date and time."""
        return BEGAN + timedelta(seconds=round(self.elapsed_s, 6))

    def monotonic_s(self) -> float:
        """Return the virtual clock (seconds)."""
        return self.elapsed_s

    def describe_environment(self) -> Environment:
        """Return the description of the machine."""
        return environment(self.cores)

    def run_checkup(self, scenario: Scenario) -> list[Check]:
        """Return what may spoil the measurements: nothing does."""
        return [Check(name="cores", status="ok", what=f"{self.cores} cores for generator and server")]

    def describe_programs(self, scenario: Scenario) -> list[Program]:
        """Return the programs that the topologies run."""
        return [Program(name="shop", path="/srv/shop/bin/shop", version="2.1.0")]

    def try_slices(self, scenario: Scenario, placement: Placement) -> Tried:
        """Return that nothing is found against slices, of half a second."""
        return Tried(None, least_slice_s=0.5)

    def run_sliced_trials(
        self,
        trials: Sequence[PlannedTrial],
        scenario: Scenario,
        placement: Placement,
        logs: Mapping[str, Path],
        watch: Watch,
        known_bodies: Collection[str],
        services: Sequence[UpService] = (),
        after_warmup: AfterWarmup | None = None,
        turn_s: float | None = None,
    ) -> list[TrialRecord]:
        """Simulate the trials, as :func:`harness.measure.slices.run_sliced_trials` makes them. The machine does not
        change within a round, so that each is simulated as a whole and cut into slices."""
        row_s, self.row_s = self.row_s, scenario.load.duration_s / count_rotations(scenario)
        try:
            records = [self.run_trial(planned, scenario, placement, logs[planned.id], watch) for planned in trials]
        finally:
            self.row_s = row_s
        return [cut(record, position, len(trials)) for position, record in enumerate(records)]

    def run_trial(
        self,
        planned: PlannedTrial,
        scenario: Scenario,
        placement: Placement,
        log: Path,
        watch: Watch,
        known_bodies: Collection[str] = frozenset(),
        services: Sequence[UpService] = (),
        after_warmup: AfterWarmup | None = None,
    ) -> TrialRecord:
        """Simulate the trial, as :func:`harness.measure.trial.run_trial` makes it."""
        service, started_at = self._find_service(planned.topology), self.now()
        watch(Progress(Phase.STARTING))
        if self.trials + 1 == self.interrupt_at:
            self.interrupt_at = None
            raise KeyboardInterrupt
        self.trials += 1
        if service.down is not None:
            self.elapsed_s += service.start_s
            return TrialRecord.of_failure(planned, started_at, service.down, [])
        own = scenario.load_of(planned.topology)
        offer = own if planned.rate_per_s is None else own.as_open_loop(planned.rate_per_s)
        load = offer.at(Target(host="127.0.0.1", port=PORT), planned.seed)
        workers, speed = self._simulate(planned, service, load)
        result = measure_load(
            load, f"http://127.0.0.1:{PORT}{load.requests[0].path}", workers, GENERATOR_CPU_US, self.row_s
        )
        self._pass_time(service, load, result, watch)
        usage = self._measure_usage(service, load, workers, speed)
        number = len(workers)
        return TrialRecord.of_measurement(
            planned,
            started_at,
            reasons=[] if result.ok else [f"no request got a good response: {describe_failures(result)}"],
            log_tail=[],
            ready_s=service.start_s,
            ready_cpu_s=service.start_s / 2,
            body_bytes=BODY_BYTES,
            body_sha256=BODY_SHA256,
            processes=[
                ServerProcess(pid=process.pid, born_s=1.0, role=process.role, name="shop", program="shop")
                for process in usage.processes
            ],
            worker_counts=WorkerCounts(ready=number, found=number, least=number, most=number, at_end=number),
            load=result,
            usage=usage,
            killed=0,
        )

    def _find_service(self, topology: Topology) -> Service:
        of = topology.side.of if topology.side else topology.twin_of or topology.name
        return self.services.get(topology.name) or self.services.get(of, Service())

    def _simulate(self, planned: PlannedTrial, service: Service, load: Load) -> tuple[list[Worker], float]:
        """Return what became of the requests, and how much slower than usual the cores were."""
        number, first = planned.topology.workers or 1, FIRST_PID + PIDS * (self.trials - 1)
        speed = math.exp(self._dice("round", planned.block).normal(0, self.drift))
        dice = self._dice(planned.id)
        slowdown = speed * math.exp(dice.normal(0, self.scatter)) * (1 + service.contention * (number - 1))
        pids = range(first + 1, first + 1 + number)
        return generate_load(load, service, slowdown * self._share_cores(number), pids, dice), speed

    def _share_cores(self, workers: int) -> float:
        """Return how many times longer service takes since the workers share the cores."""
        return max(1.0, workers / self.cores)

    def _dice(self, *of: object) -> np.random.Generator:
        digest = hashlib.sha256(" ".join(map(str, (self.seed, *of))).encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8]))

    def _pass_time(self, service: Service, load: Load, result: LoadResult, watch: Watch) -> None:
        """Let the trial take its time, and tell the observer how it goes."""
        self.elapsed_s += service.start_s
        watch(Progress(Phase.WARMING_UP))
        self.elapsed_s += load.warmup_s
        watch(Progress(Phase.MEASURING))
        before_s = 0.0
        for second in result.series:
            self.elapsed_s += second.end_s - before_s
            before_s = second.end_s
            watch(Progress(Phase.MEASURING, Second.model_validate(second)))
        watch(Progress(Phase.STOPPING))
        self.elapsed_s += STOP_S

    def _measure_usage(self, service: Service, load: Load, workers: Sequence[Worker], speed: float) -> Usage:
        """Return what the processes used in the measured window: the workers and, of several, their supervisor."""
        window = Window(load.warmup_s, load.warmup_s + load.duration_s)
        cpu_share = service.cpu_share / self._share_cores(len(workers))
        parts = [_Part(worker, service, window, cpu_share) for worker in workers]
        processes = [part.usage() for part in parts]
        if len(workers) > 1:
            processes.insert(0, _idle_process(workers[0].pid - 1))
        series = [
            UsageSecond(
                end_s=round(row.closes_s - window.opens_s, 6),
                cpu_s={part.worker.pid: part.cpu_until(row.closes_s) for part in parts},
                rss_bytes={part.worker.pid: part.memory_at(row.closes_s) for part in parts},
            )
            for row in window.split(self.row_s)
        ]
        busy_s = sum(process.cpu_s for process in processes) / self.cores
        core = {"busy_s": busy_s, "irq_s": 0.0, "idle_s": max(0.0, load.duration_s - busy_s), "steal_s": 0.0}
        return Usage(
            window_s=load.duration_s,
            processes=processes,
            machine=MachineUsage(
                cores=[CoreUsage(cpu=cpu, **core) for cpu in range(self.cores)],
                pressure_s=0.0,
                listen_overflows=0,
                listen_drops=0,
            ),
            pace_us=CORE_SPEED_US * speed,
            series=series,
            unloaded_ms=service.mean_ms * speed,
        )


def cut(record: TrialRecord, position: int, of: int) -> TrialRecord:
    """Return the record with its rows as slices, which took turns with those of other trials."""
    if record.load is None or record.usage is None:
        return record
    slices, before_s, before_cpu_s = list[Slice](), 0.0, 0.0
    rows, answered = list[UsageSecond](), 0
    for number, (row, used) in enumerate(zip(record.load.series, record.usage.series, strict=True)):
        duration_s = row.end_s - before_s
        slices.append(
            Slice(
                begin_s=(number * of + position) * duration_s,
                lead_in_s=0.0,
                duration_s=duration_s,
                requests=row.requests,
                requests_per_s=row.requests_per_s,
                answered=row.requests,
                cpu_s=used.all_cpu_s - before_cpu_s,
                idle_s=(of - 1) * duration_s,
                pace_us=record.usage.pace_us,
                window_pace_us=record.usage.pace_us,
            )
        )
        before_s, before_cpu_s, answered = row.end_s, used.all_cpu_s, answered + row.requests
        rows.append(used.model_copy(update={"answered": answered}))
    usage = record.usage.model_copy(update={"series": rows, "requests": answered})
    return record.model_copy(update={"slices": slices, "usage": usage})


@dataclass(frozen=True)
class _Part:
    """What one worker does in the window."""

    worker: Worker
    service: Service
    window: Window
    cpu_share: float

    def cpu_until(self, moment_s: float) -> float:
        """Return the CPU time from the opening of the window until then (seconds)."""
        done = Window(self.window.opens_s, moment_s).holds(self.worker.requests.done_s)
        return float(self.worker.requests.work_s[done].sum()) * self.cpu_share

    def memory_at(self, moment_s: float) -> int:
        """Return the memory at that moment (bytes)."""
        served = int((self.worker.requests.done_s <= moment_s).sum())
        return self.service.memory_bytes + round(self.service.kept_bytes * served)

    def usage(self) -> ProcessUsage:
        """Return what the process used in the whole window."""
        cpu_s, rss_bytes = self.cpu_until(self.window.closes_s), self.memory_at(self.window.closes_s)
        return _process_usage(self.worker.pid, "worker", cpu_s, rss_bytes)


def _idle_process(pid: int) -> ProcessUsage:
    return _process_usage(pid, "supervisor", 0.0, SUPERVISOR_BYTES)


def _process_usage(pid: int, role: Role, cpu_s: float, rss_bytes: int) -> ProcessUsage:
    return ProcessUsage(
        pid=pid,
        role=role,
        program="shop",
        user_s=0.75 * cpu_s,
        system_s=0.25 * cpu_s,
        run_delay_s=0.0,
        busiest_thread_s=cpu_s,
        rss_bytes=rss_bytes,
        pss_bytes=round(0.9 * rss_bytes),
        voluntary_switches=1,
        involuntary_switches=1,
        threads=1,
        busy_threads=1,
    )
