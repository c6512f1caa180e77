"""What the records of a run come to, topology by topology: the one place that all reports take their figures from."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from harness.generator.latency import LatencyHistogram, LatencySummary
from harness.generator.result import Errors, LoadResult, Offered
from harness.record import Run, TrialRecord, Usage
from harness.scenario import Topology
from harness.stats.estimate import Estimate, mean_over_trials, ratio_within_blocks
from harness.stats.verdict import Verdict, judge

MS_PER_S: Final = 1000


@dataclass(frozen=True)
class Measured:
    """A trial that counts: its load and usage are there, and nothing spoke against it."""

    block: int
    load: LoadResult
    usage: Usage

    @property
    def speed(self) -> float:
        """What topologies are compared by, more is faster: requests/s in a closed loop. In an open one these are what
        was offered, and it is how quickly all but one request in a hundred were answered (1 / p99, per ms)."""
        if self.load.offered is None:
            return self.load.requests_per_s
        return 1 / self.load.latency_ms.p99 if self.load.latency_ms else 0.0

    @property
    def cpu_ms_per_request(self) -> float:
        """CPU of all the server's processes for one completed request."""
        return self.usage.cpu_s * MS_PER_S / self.load.requests


@dataclass(frozen=True)
class WorkerShare:
    """One worker of one trial; ``requests`` is None when the server does not name its workers."""

    trial_block: int
    pid: int
    requests: int | None
    cpu_s: float
    rss_bytes: int


@dataclass(frozen=True)
class TopologySummary:
    """One topology. Everything after ``invalid`` is None, or empty, when no trial of it counts."""

    topology: Topology
    trials: tuple[Measured, ...]
    failed: int
    invalid: int
    requests_per_s: Estimate | None = None
    ratio: Estimate | None = None  # of speeds, to the baseline; None for the baseline itself
    verdict: Verdict | None = None
    latency_ms: LatencySummary | None = None  # of all the trials' requests together
    service_ms: LatencySummary | None = None  # the same from when they were sent
    cpu_ms_per_request: Estimate | None = None
    cpu_ratio: Estimate | None = None
    rss_bytes: float | None = None
    server_cores: float | None = None  # busy on average
    generator_cores: float | None = None
    offers: tuple[Offered, ...] = ()  # of each trial; none in a closed loop
    errors: Errors = field(default_factory=Errors)
    unfinished: int = 0
    workers: tuple[WorkerShare, ...] = ()

    @property
    def name(self) -> str:
        """The topology's name."""
        return self.topology.name


def summarise(run: Run) -> list[TopologySummary]:
    """Every topology of the run, in the scenario's order."""
    measured = {topology.name: _measured(run, topology) for topology in run.scenario.topologies}
    baseline = measured[run.scenario.baseline.name]
    return [_summary(topology, run, measured[topology.name], baseline) for topology in run.scenario.topologies]


def merged_latency(trials: Sequence[Measured]) -> LatencyHistogram:
    """All latencies of the trials together."""
    return LatencyHistogram.merged(trial.load.histogram for trial in trials)


def _measured(run: Run, topology: Topology) -> tuple[Measured, ...]:
    return tuple(
        Measured(record.block, record.load, record.usage)
        for record in run.records
        if record.topology == topology.name and record.status == "ok" and record.load and record.usage
    )


def _summary(
    topology: Topology, run: Run, trials: tuple[Measured, ...], baseline: tuple[Measured, ...]
) -> TopologySummary:
    statuses = Counter(record.status for record in run.records if record.topology == topology.name)
    failed, invalid = statuses["failed"], statuses["invalid"]
    if not trials:
        return TopologySummary(topology, (), failed, invalid)
    speed = None if topology.baseline else speed_ratio(baseline, trials)
    return TopologySummary(
        topology=topology,
        trials=trials,
        failed=failed,
        invalid=invalid,
        requests_per_s=mean_over_trials([trial.load.requests_per_s for trial in trials]),
        ratio=speed,
        verdict=judge(speed) if speed else None,
        latency_ms=merged_latency(trials).summary(),
        service_ms=LatencyHistogram.merged(trial.load.service_histogram for trial in trials).summary(),
        cpu_ms_per_request=mean_over_trials([trial.cpu_ms_per_request for trial in trials]),
        cpu_ratio=None if topology.baseline else _ratio(baseline, trials, lambda trial: trial.cpu_ms_per_request),
        rss_bytes=_mean([trial.usage.rss_bytes for trial in trials]),
        server_cores=_mean([trial.usage.cpu_s / trial.usage.window_s for trial in trials]),
        generator_cores=_mean([trial.load.generator_cpu_s / trial.load.duration_s for trial in trials]),
        offers=tuple(trial.load.offered for trial in trials if trial.load.offered),
        errors=_sum_errors([trial.load.errors for trial in trials]),
        unfinished=sum(trial.load.unfinished for trial in trials),
        workers=tuple(share for trial in trials for share in _shares(trial)),
    )


def speed_ratio(baseline: Sequence[Measured], trials: Sequence[Measured]) -> Estimate | None:
    """The speed of ``trials`` as a multiple of the baseline's; None when no block holds both."""
    return _ratio(baseline, trials, lambda trial: trial.speed)


def _ratio(
    baseline: Sequence[Measured], trials: Sequence[Measured], metric: Callable[[Measured], float]
) -> Estimate | None:
    by_block = {trial.block: metric(trial) for trial in baseline}
    pairs = [(by_block[trial.block], metric(trial)) for trial in trials if trial.block in by_block]
    positive = [(before, after) for before, after in pairs if before > 0 and after > 0]
    return ratio_within_blocks(positive) if positive else None


def _shares(trial: Measured) -> list[WorkerShare]:
    served = trial.load.workers
    return [
        WorkerShare(
            trial_block=trial.block,
            pid=process.pid,
            requests=served.get(str(process.pid), 0) if served else None,
            cpu_s=process.cpu_s,
            rss_bytes=process.rss_bytes,
        )
        for process in trial.usage.processes
        if process.role == "worker"
    ]


def _sum_errors(errors: Sequence[Errors]) -> Errors:
    return Errors(**{field: sum(getattr(each, field) for each in errors) for field in Errors.model_fields})


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def unsound(run: Run) -> list[TrialRecord]:
    """The trials that do not count, with their reasons."""
    return [record for record in run.records if record.status != "ok"]
