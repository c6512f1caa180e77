"""The figures of one trial that counts, taken from its steady part."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median_high
from typing import Final

from harness.analysis.bottleneck import (
    MAX_DEMANDED,
    Bottleneck,
    Diagnosis,
    contention,
    diagnose,
    free_cores,
    server_demand,
)
from harness.analysis.event_cost import EventCost, cost_of_events
from harness.analysis.launch import PerRequest, lasting_faults_per_request, per_request
from harness.analysis.requests import RequestFigures
from harness.load.latency import LatencyHistogram, LatencySummary
from harness.load.result import LoadResult, Second
from harness.record import EventRecord, ProcessUsage, Slice, TrialRecord, Usage
from harness.stats.steady import Settled, Steady, find_steady_state
from harness.units import MS_PER_S, NS_PER_MS

MIN_ROW_SHARE: Final = 0.5  # of the first row: the last one covers the rest of a window, and a short rest says little


@dataclass(frozen=True)
class Trial:
    """A trial that counts: its load and usage were recorded, and nothing was found against it.

    Seconds at the beginning of the window that were still warm-up are in none of its figures. Memory
    ``is_proportional`` only if the proportional set size is known of every trial that this one may be compared with.
    """

    block: int
    load: LoadResult
    usage: Usage
    is_proportional: bool = False
    number_of_workers: int = 1  # as declared or, without a declaration, as found
    ready_s: float | None = None
    body_bytes: int | None = None
    slices: tuple[Slice, ...] = ()
    ready_cpu_s: float | None = None
    events: tuple[EventRecord, ...] = ()
    rig: str | None = None  # the machine that made it, where a fleet did

    @cached_property
    def event_cost(self) -> EventCost | None:
        """The cost of the scenario's events; None where there were none."""
        return cost_of_events(self.load, self.events)

    @cached_property
    def steady(self) -> Steady | None:
        """The steady part of the trial, found by its rate, or by its p50 in an open loop, where the rate is what was
        offered.

        None where the load itself was not steady: it rose or fell, or there were seconds in which no request ended; and
        where something was done to the server meanwhile.
        """
        if self.events:
            return None
        offered = self.load.offered
        if offered is None:
            return find_steady_state([second.requests_per_s for second in self._rows])
        medians_ms = [second.p50_ms for second in self._rows if second.p50_ms is not None]
        return None if offered.is_ramp or len(medians_ms) < len(self._rows) else find_steady_state(medians_ms)

    @property
    def discarded_rows(self) -> int:
        """The number of rows at the beginning that are left out."""
        return self.steady.discarded_rows if self.steady else 0

    @property
    def discarded_s(self) -> float:
        """The measured time at the beginning that is left out (seconds)."""
        return self._discarded[-1].end_s if self._discarded else 0.0

    @property
    def never_settled(self) -> bool:
        """True if its speed went on changing until the end."""
        return self.steady is not None and self.steady.settled is Settled.NEVER

    @cached_property
    def latency_ms(self) -> LatencySummary | None:
        """The response times; in an open loop from when each request was due. None when no request ended."""
        return merged_latency([self]).summary() if self.discarded_rows else self.load.latency_ms

    @property
    def histograms(self) -> list[str]:
        """The histograms of the response times, encoded, to be merged."""
        kept = self.load.series[self.discarded_rows :]
        return [second.histogram for second in kept] if self.discarded_rows else [self.load.histogram]

    @property
    def requests_per_s(self) -> float:
        """The responses per second, those under way at the ends of the window counted by their parts; where rows at its
        beginning are left out of a whole trial, the complete ones."""
        if not self.discarded_rows:
            return self.load.requests_per_s
        if kept := self.slices[self.discarded_rows :]:
            return sum(part.requests_per_s * part.duration_s for part in kept) / sum(part.duration_s for part in kept)
        return self._requests / (self.load.duration_s - self.discarded_s)

    @property
    def good_per_s(self) -> float:
        """The good responses per second."""
        return self.requests_per_s * self.load.good_share

    @property
    def p50_ms(self) -> float | None:
        """The median response time; None when no request ended."""
        return self.latency_ms.p50 if self.latency_ms else None

    @property
    def p99_ms(self) -> float | None:
        """The 99th percentile of the response times; None when no request ended."""
        return self.latency_ms.p99 if self.latency_ms else None

    def percentile_ms(self, percent: float) -> float | None:
        """Return the percentile of the response times (ms); None when no request ended."""
        histogram = merged_latency([self])
        return histogram.percentiles_ns([percent])[0] / NS_PER_MS if histogram.total else None

    def request(self, name: str) -> RequestFigures | None:
        """Return the figures of the request of a mix with this name; None where there is none."""
        found = next((each for each in self.load.by_request if each.name == name), None)
        return RequestFigures(found, self.load, self.requests_per_s) if found else None

    @property
    def cpu_ms_per_request(self) -> float:
        """The CPU time of all the server's processes for one completed request."""
        if not self.discarded_rows:
            return self.usage.cpu_s * MS_PER_S / self.usage.requests_of(self.load)
        row = self.usage.series[self.discarded_rows - 1]
        if self.usage.requests is None or row.answered is None:
            return (self.usage.cpu_s - row.all_cpu_s) * MS_PER_S / self._requests
        return (self.usage.cpu_s - row.all_cpu_s) * MS_PER_S / (self.usage.requests - row.answered)

    @property
    def cpu_ms_per_good(self) -> float | None:
        """The CPU time for one good response; None where there was none."""
        return self.cpu_ms_per_request / self.load.good_share if self.load.good_share else None

    @property
    def per_request(self) -> PerRequest | None:
        """The page faults and context switches for one completed request, over the whole window; None where no request
        was answered."""
        return per_request(self.load, self.usage)

    @property
    def minor_faults_per_request(self) -> float | None:
        """The minor page faults for one completed request, over the whole window; None in older records."""
        return self.per_request.minor_faults if self.per_request else None

    @property
    def lasting_faults_per_request(self) -> float | None:
        """The minor page faults for one completed request of the processes that were there all the time; None where
        there were none, and in older records."""
        return lasting_faults_per_request(self.load, self.usage)

    @property
    def busy_cores(self) -> float:
        """The average number of cores that all the server's processes together kept busy."""
        return self.usage.cpu_s / self.usage.window_s

    @property
    def demanded_cores(self) -> float:
        """The number of cores that all the server's processes together would have kept busy, had there been enough."""
        return server_demand(self.load, self.usage)

    @property
    def free_cores(self) -> float:
        """The number of cores that the server could use, together with a generator that had none of its own."""
        return free_cores(self.load, self.usage)

    @property
    def contention(self) -> float:
        """The demand of server and generator for these cores, as a multiple of them."""
        return contention(self.load, self.usage)

    @property
    def memory_bytes(self) -> int:
        """The memory of all the server's processes at the end. Pages that they share are counted once (PSS), or in each
        of them (RSS) where it is not proportional."""
        return self.rss_bytes if (pss_bytes := self.pss_bytes) is None else pss_bytes

    @property
    def pss_bytes(self) -> int | None:
        """The proportional memory (PSS); None where it is not proportional."""
        return self.usage.pss_bytes if self.is_proportional else None

    @property
    def rss_bytes(self) -> int:
        """The resident memory (RSS)."""
        return self.usage.rss_bytes

    @property
    def growth_bytes_per_request(self) -> float | None:
        """The growth of the resident memory for each request, from the first second of the steady part to the end. None
        where there is no such time."""
        rows = self.usage.series[self.discarded_rows :]
        if len(rows) < 2:
            return None
        if rows[0].answered is None or rows[-1].answered is None:
            requests = sum(row.requests for row in self._rows[self.discarded_rows + 1 :])
        else:
            requests = rows[-1].answered - rows[0].answered
        if not requests:
            return None
        return (sum(rows[-1].rss_bytes.values()) - sum(rows[0].rss_bytes.values())) / requests

    def memory_of(self, process: ProcessUsage) -> int:
        """Return the memory of one of its processes, counted in the same way."""
        return process.pss_bytes if self.is_proportional and process.pss_bytes is not None else process.rss_bytes

    @property
    def has_supervisor(self) -> bool:
        """True if a process of the workers' own program looks after them, and not just a shell."""
        programs = {process.program for process in self.workers} - {""}
        return any(process.role == "supervisor" and process.program in programs for process in self.usage.processes)

    @property
    def kept_its_workers(self) -> bool:
        """True if the same workers were there all the time."""
        return len(self.workers) == self.number_of_workers

    @property
    def workers(self) -> list[ProcessUsage]:
        """The processes that answered, including those that ended."""
        return [process for process in self.usage.processes if process.role == "worker"]

    @property
    def error_share(self) -> float:
        """The share of the ended requests that did not end well."""
        return self.load.error_share

    @property
    def pace_us(self) -> float | None:
        """The CPU time (µs) that a fixed piece of work took on the server's cores; None where that was not measured."""
        return self.usage.pace_us

    @cached_property
    def limiting(self) -> Diagnosis:
        """The diagnosis of what limited it."""
        return diagnose(self.load, self.usage)

    @property
    def is_generator_bound(self) -> bool:
        """True if the generator was the limit: then the trial's speed is not the server's."""
        return self.limiting.limit is Bottleneck.GENERATOR

    @property
    def _rows(self) -> Sequence[Second]:
        """The series, without a last row that is too short."""
        return without_short_rest(self.load.series)

    @property
    def _discarded(self) -> list[Second]:
        return self.load.series[: self.discarded_rows]

    @property
    def _requests(self) -> int:
        return self.load.requests - sum(second.requests for second in self._discarded)


def without_short_rest(series: Sequence[Second]) -> Sequence[Second]:
    """Return the rows of a series, without a last one that is much shorter than the first."""
    if len(series) < 2:
        return series
    rest_s = series[-1].end_s - series[-2].end_s
    return series[:-1] if rest_s < MIN_ROW_SHARE * series[0].end_s else series


Trials = Mapping[str, tuple[Trial, ...]]  # by the name of the topology


def valid_trials(records: Iterable[TrialRecord], topology: str) -> tuple[Trial, ...]:
    """Return the trials of one topology that count: see :func:`trials_of`."""
    return trials_of(records, [topology])[topology]


def trials_of(records: Iterable[TrialRecord], topologies: Iterable[str]) -> Trials:
    """Return the trials of each topology that count, from the records of a whole run. Probes of a search, which were
    offered another rate than the scenario's, are left out."""
    found: dict[str, list[Trial]] = {topology: [] for topology in topologies}
    sound = [record for record in records if record.status == "ok"]
    is_proportional = all(record.usage.pss_bytes is not None for record in sound if record.usage)
    for record in sound:
        if record.topology in found and record.rate_per_s is None and record.load and record.usage:
            trial = Trial(
                record.block,
                record.load,
                record.usage,
                is_proportional,
                record.number_of_workers,
                record.ready_s,
                record.body_bytes,
                tuple(record.slices),
                record.ready_cpu_s,
                tuple(record.events),
                record.rig,
            )
            found[record.topology].append(trial)
    return {topology: tuple(trials) for topology, trials in found.items()}


def median_workers(trials: Sequence[Trial]) -> int:
    """Return how many workers the trials of one topology had; of a pool the median. Raises StatisticsError without
    trials."""
    return median_high(trial.number_of_workers for trial in trials)


def have_equal_workers(one: Sequence[Trial], other: Sequence[Trial]) -> bool:
    """Return True if two topologies had equally many workers in their trials, and so keep as many cores busy.

    Then the speed of the cores does not depend on which of them runs. Where a core is a hyperthread, more workers slow
    each other down, and that belongs to the comparison.
    """
    return bool(one) and bool(other) and median_workers(one) == median_workers(other)


def are_oversubscribed(trials: Sequence[Trial]) -> bool:
    """Return True if more of the server's cores was demanded than there are, on the average of the trials (at least
    one).

    Workers that mostly wait for something else demand less: they scale as though each had a core of its own.
    """
    return sum(trial.contention for trial in trials) / len(trials) > MAX_DEMANDED


def merged_latency(trials: Sequence[Trial]) -> LatencyHistogram:
    """Return the response times of all the trials together."""
    return LatencyHistogram.merge(encoded for trial in trials for encoded in trial.histograms)
