"""The records of a run, topology by topology: the one place from which all reports take their figures."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from harness.analysis.comparison import Comparison, Comparisons
from harness.analysis.imbalance import imbalance_of
from harness.analysis.metrics import CPU, MEMORY, P99, THROUGHPUT, Metric
from harness.analysis.trials import Trial, Trials, are_oversubscribed, median_workers, merged_latency
from harness.load.latency import LatencyHistogram, LatencySummary
from harness.load.result import Errors, Offered
from harness.record import Run, TrialRecord
from harness.scenario import Topology
from harness.stats.estimate import Estimate, mean_over_trials
from harness.stats.imbalance import Imbalance
from harness.stats.verdict import Verdict


@dataclass(frozen=True)
class TopologySummary:
    """One topology. Every field after ``invalid`` is None, or empty, when no trial of it counts."""

    topology: Topology
    trials: tuple[Trial, ...]
    failed: int
    invalid: int
    requests_per_s: Estimate | None = None
    comparisons: tuple[Comparison, ...] = ()  # with the baseline, by every metric, the deciding one first
    latencies: LatencyHistogram = field(default_factory=LatencyHistogram)  # of all the trials' requests together
    latency_ms: LatencySummary | None = None
    service_ms: LatencySummary | None = None  # of the same requests, from when they were sent
    cpu_ms_per_request: Estimate | None = None
    memory_bytes: float | None = None
    rss_bytes: float | None = None
    server_cores: float | None = None  # busy on average
    generator_cores: float | None = None
    offers: tuple[Offered, ...] = ()  # of each trial; none in a closed loop
    errors: Errors = field(default_factory=Errors)
    reconnected: int = 0
    unfinished: int = 0
    imbalance: Imbalance | None = None  # None for a single worker, and where it can't be estimated
    demanded_cores: float | None = None  # by the server, had there been enough
    is_oversubscribed: bool = False  # more cores were demanded, by the generator too, than there are

    @property
    def name(self) -> str:
        """The topology's name."""
        return self.topology.name

    @property
    def workers(self) -> int | None:
        """The number of workers, as declared or as found. None where nobody declared it and nothing was measured."""
        return self.topology.workers or (median_workers(self.trials) if self.trials else None)

    @property
    def doubted_trials(self) -> tuple[Trial, ...]:
        """The trials whose generator is doubted, so that their throughput does not count."""
        return tuple(trial for trial in self.trials if not THROUGHPUT.is_sound(trial))

    @property
    def ratio(self) -> Estimate | None:
        """The speed as a multiple of the baseline's, by the deciding metric; None for the baseline itself, and where no
        round has both."""
        return self.comparisons[0].pairs.evidence.estimate if self._is_decided else None

    @property
    def verdict(self) -> Verdict | None:
        """The verdict by the deciding metric."""
        return self.comparisons[0].verdict if self._is_decided else None

    @property
    def verdict_text(self) -> str:
        """The verdict in a word or two, or the reason why there is none."""
        if self.verdict is not None:
            return self.comparisons[0].metric.word(self.verdict)
        if not self.trials:
            return "not measured"
        return "baseline" if self.topology.baseline else "no verdict"

    @property
    def is_at_equal_core_speed(self) -> bool:
        """True if the cores' own changes of speed are taken out of one of its ratios."""
        return any(each.is_at_equal_core_speed for each in self.comparisons)

    @property
    def error_share(self) -> float:
        """The share of the ended requests that did not end well."""
        ended = sum(trial.load.started - trial.load.unfinished for trial in self.trials)
        return self.errors.total / ended if ended else 0.0

    @property
    def reconnected_share(self) -> float:
        """The share of the requests that were sent again on a new connection."""
        started = sum(trial.load.started for trial in self.trials)
        return self.reconnected / started if started else 0.0

    @property
    def cpu_ratio(self) -> Estimate | None:
        """The CPU per request, as a multiple of the baseline's."""
        return self._change(CPU)

    @property
    def memory_ratio(self) -> Estimate | None:
        """The memory, as a multiple of the baseline's."""
        return self._change(MEMORY)

    def comparison(self, metric: Metric) -> Comparison | None:
        """Return the comparison by the metric; None for the baseline itself, and where no round has both."""
        return next((each for each in self.comparisons if each.metric is metric), None)

    @property
    def _is_decided(self) -> bool:
        return bool(self.comparisons) and self.comparisons[0].metric in (THROUGHPUT, P99)

    def _change(self, metric: Metric) -> Estimate | None:
        found = self.comparison(metric)
        return found.change if found else None


def summarise(run: Run, trials: Trials, comparisons: Comparisons) -> list[TopologySummary]:
    """Return the summary of every topology of the run, in the scenario's order."""
    return [_summary(topology, run, trials, comparisons) for topology in run.scenario.topologies]


def _summary(topology: Topology, run: Run, all_trials: Trials, comparisons: Comparisons) -> TopologySummary:
    trials = all_trials[topology.name]
    statuses = Counter(record.status for record in run.records if record.topology == topology.name)
    failed, invalid = statuses["failed"], statuses["invalid"]
    if not trials:
        return TopologySummary(topology, (), failed, invalid)
    latencies = merged_latency(trials)
    return TopologySummary(
        topology=topology,
        trials=trials,
        failed=failed,
        invalid=invalid,
        requests_per_s=_throughput(trials),
        comparisons=tuple(each for (name, _), each in comparisons.items() if name == topology.name),
        latencies=latencies,
        latency_ms=latencies.summary(),
        service_ms=LatencyHistogram.merge(trial.load.service_histogram for trial in trials).summary(),
        cpu_ms_per_request=_cpu(trials),
        memory_bytes=_mean([trial.memory_bytes for trial in trials]),
        rss_bytes=_mean([trial.rss_bytes for trial in trials]),
        server_cores=_mean([trial.busy_cores for trial in trials]),
        generator_cores=_mean([trial.load.generator_cpu_s / trial.usage.window_s for trial in trials]),
        offers=tuple(trial.load.offered for trial in trials if trial.load.offered),
        errors=_sum_errors([trial.load.errors for trial in trials]),
        reconnected=sum(trial.load.reconnected for trial in trials),
        unfinished=sum(trial.load.unfinished for trial in trials),
        imbalance=imbalance_of(trials, run.scenario.load_of(topology)),
        demanded_cores=_mean([trial.demanded_cores for trial in trials]),
        is_oversubscribed=are_oversubscribed(trials),
    )


def is_proportional(summaries: Sequence[TopologySummary]) -> bool:
    """Return True if their memory is proportional (PSS): pages that processes share are counted once."""
    return all(trial.is_proportional for summary in summaries for trial in summary.trials)


def _sum_errors(errors: Sequence[Errors]) -> Errors:
    return Errors(**{field: sum(getattr(each, field) for each in errors) for field in Errors.model_fields})


def _throughput(trials: Sequence[Trial]) -> Estimate:
    """Return the good responses/s over the trials whose generator is not doubted. Where all are doubted, return those
    of all, without an interval."""
    if sound := [trial.good_per_s for trial in trials if THROUGHPUT.is_sound(trial)]:
        return mean_over_trials(sound)
    doubted = mean_over_trials([trial.good_per_s for trial in trials])
    return replace(doubted, low=None, high=None)


def _cpu(trials: Sequence[Trial]) -> Estimate | None:
    """Return the CPU per good response over the trials that had one."""
    known = [cpu_ms for trial in trials if (cpu_ms := trial.cpu_ms_per_good) is not None]
    return mean_over_trials(known) if known else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def rejected_records(run: Run) -> list[TrialRecord]:
    """Return the records of the trials that do not count, with their reasons."""
    return [record for record in run.records if record.status != "ok"]
