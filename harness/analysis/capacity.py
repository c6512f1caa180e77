"""The capacity of each topology, from the records of a search: the highest rate that keeps every objective."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from harness.analysis.bottleneck import Bottleneck, diagnose
from harness.analysis.trials import Trial, valid_trials
from harness.load.latency import LatencyHistogram
from harness.load.result import LoadResult
from harness.record import Run, TrialRecord
from harness.scenario import Objective, Topology
from harness.stats.crossing import BadShare, Crossing, find_crossing
from harness.stats.estimate import Estimate, mean_over_trials, product_of
from harness.units import NS_PER_MS

QUEUE_ERRORS: Final = 3  # standard deviations by which the queue's length may differ at the two ends of a window
MIN_ACHIEVED: Final = 0.99  # of what was offered
SATURATED: Final = 0.95  # of what was offered: a server that answers less, while its queue grows, is at its limit
MAX_LAG: Final = 0.05  # of the promised response time: by so much may one request in a hundred be sent late
US_PER_MS: Final = 1000


@dataclass(frozen=True)
class Probe:
    """One trial at one offered rate, with a fresh server."""

    record: TrialRecord
    load: LoadResult
    objectives: tuple[Objective, ...]

    @property
    def rate_per_s(self) -> float:
        """The rate of the requests that were due in the window. Random arrivals make it a little more or less than what
        was asked for, which is half of the random error of a probe."""
        assert self.load.offered is not None
        return self.load.offered.rate_per_s

    @property
    def achieved_share(self) -> float:
        """The share of the requests due that were answered in the window; more than 1 where a queue from the warm-up
        was too."""
        assert self.load.offered is not None
        return self.load.requests / self.load.offered.due if self.load.offered.due else 1.0

    @property
    def queue_growth(self) -> int:
        """The number of requests by which the queue grew in the window. Growth that is no more than random, or than
        what may be missing of the offer, counts as 0."""
        assert self.load.offered is not None
        before, after = self.load.started - self.load.offered.begun, self.load.unfinished
        least = max(QUEUE_ERRORS * math.sqrt(after + before), (1 - MIN_ACHIEVED) * self.load.offered.due)
        return after - before if after - before > least else 0

    @property
    def is_saturated(self) -> bool:
        """True if so much more was offered than answered that the rate of the answers is the server's own."""
        return self.queue_growth > 0 and self.achieved_share < SATURATED

    @cached_property
    def latencies(self) -> LatencyHistogram:
        """The response times, from when each request was due."""
        return LatencyHistogram.decode(self.load.histogram)

    @cached_property
    def _within(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """The response times (ns), ascending, and how many requests took no longer than each. The counts begin with a
        0."""
        values_ns, counts = self.latencies.values_ns()
        return values_ns, np.concatenate([[0], np.cumsum(counts)])

    @cached_property
    def shares(self) -> tuple[BadShare, ...]:
        """The requests that broke each objective, in the order of the objectives."""
        return tuple(map(self._share, self.objectives))

    @property
    def is_kept(self) -> bool:
        """True if the probe kept every objective, and kept up with what was offered."""
        kept = all(
            share.bad <= objective.allowed * share.requests
            for share, objective in zip(self.shares, self.objectives, strict=True)
        )
        return kept and not self.queue_growth

    def _share(self, objective: Objective) -> BadShare:
        if objective.limit_ms is not None:
            return self.count_slower(objective.limit_ms)
        errors, offered = self.load.errors, self.load.offered
        assert offered is not None
        ended = self.latencies.total + errors.failed + offered.dropped
        return BadShare(self.rate_per_s, ended, min(ended, errors.total + offered.dropped))

    def count_slower(self, limit_ms: float) -> BadShare:
        """Count the requests that took longer than the limit, or were not answered well at all."""
        errors, offered = self.load.errors, self.load.offered
        assert offered is not None
        ended = self.latencies.total + errors.failed + offered.dropped
        values_ns, within = self._within
        slow = int(within[-1] - within[np.searchsorted(values_ns, limit_ms * NS_PER_MS, side="right")])
        bad = slow + errors.failed + errors.status + errors.body + offered.dropped
        return BadShare(self.rate_per_s, ended + self.queue_growth, min(ended, bad) + self.queue_growth)


@dataclass(frozen=True)
class Capacity:
    """The capacity of one topology. ``ceilings`` are its trials in a closed loop, ``probes`` the rates that were
    offered, lowest first; ``left_out`` has the reason against each trial that does not count."""

    topology: Topology
    objectives: tuple[Objective, ...]
    ceilings: tuple[Trial, ...]
    probes: tuple[Probe, ...]
    left_out: tuple[str, ...]

    @classmethod
    def of(cls, topology: Topology, records: Sequence[TrialRecord], objectives: Sequence[Objective]) -> Self:
        """Return the capacity from what was recorded so far."""
        own = [record for record in records if record.topology == topology.name]
        ceilings = valid_trials(records, topology.name)
        probes, left_out = [], []
        for record in own:
            reason = _reason_against(record, objectives)
            if reason is not None:
                left_out.append(f"{record.trial}: {reason}")
            elif record.load and record.rate_per_s is not None:
                probes.append(Probe(record, record.load, tuple(objectives)))
        return cls(
            topology=topology,
            objectives=tuple(objectives),
            ceilings=tuple(trial for trial in ceilings if not trial.is_generator_bound),
            probes=tuple(sorted(probes, key=lambda probe: probe.rate_per_s)),
            left_out=tuple(left_out),
        )

    @cached_property
    def saturation(self) -> Estimate | None:
        """The saturation throughput, in requests/s: that of a closed loop, and of probes at which more was offered.
        None where no closed loop counts."""
        rates = [trial.requests_per_s for trial in self.ceilings]
        full = [probe.achieved_share * probe.rate_per_s for probe in self.probes if probe.is_saturated]
        return mean_over_trials([*rates, *full]) if rates else None

    @cached_property
    def crossings(self) -> tuple[Crossing, ...]:
        """The rate at which each objective is broken, in the order of the objectives. Empty before the first probe."""
        if not self.probes:
            return ()
        return tuple(
            find_crossing([probe.shares[index] for probe in self.probes], objective.allowed)
            for index, objective in enumerate(self.objectives)
        )

    @property
    def binding(self) -> Objective | None:
        """The objective that is broken first; None where none is below the saturation, or where nothing is known."""
        known = [
            (crossing.rate.value, objective)
            for crossing, objective in zip(self.crossings, self.objectives, strict=bool(self.crossings))
            if crossing.rate
        ]
        rate, objective = min(known, key=lambda each: each[0], default=(math.inf, None))
        return objective if self.saturation and rate < self.saturation.value else None

    @property
    def rate(self) -> Estimate | None:
        """The highest rate that keeps every objective: where the first of them is broken, and at most the saturation,
        since a rate that is answered by less than 99 % is not carried. None where none is kept, or where it is not
        known."""
        if self.saturation is None or not self.crossings or self.unkept:
            return None
        rates = [crossing.rate for crossing in self.crossings if crossing.rate]
        if not rates and self.probes[-1].rate_per_s < self.saturation.value:
            return None
        return min([*rates, self.saturation], key=lambda rate: rate.value)

    @property
    def unkept(self) -> Objective | None:
        """An objective that was broken at every offered rate; None where there is none."""
        return next(
            (
                objective
                for crossing, objective in zip(self.crossings, self.objectives, strict=bool(self.crossings))
                if crossing.kept is None
            ),
            None,
        )

    @property
    def objective_cost(self) -> Estimate | None:
        """The cost of the objective: the share of the saturation throughput that keeping it leaves unused. Its interval
        treats the two rates as independent estimates, and ends at 0."""
        if self.rate is None or self.saturation is None:
            return None
        if self.rate == self.saturation:
            return Estimate(0.0, None, None, self.rate.n, "full before an objective is broken")
        kept = product_of(self.rate, self.saturation.inverse())
        low, high = (None if end is None else max(0.0, 1 - end) for end in (kept.high, kept.low))
        return Estimate(1 - kept.value, low, high, kept.n, kept.method)

    @property
    def knee(self) -> Probe | None:
        """The probe with the highest power, its rate over its mean response time. Beyond it, waiting grows faster than
        what is served (Kleinrock, Power and deterministic rules of thumb, ICC 1979)."""
        answered = [probe for probe in self.probes if probe.load.latency_ms and probe.load.requests]
        return max(answered, key=_power, default=None)


def capacities(run: Run) -> list[Capacity]:
    """Return the capacity of every topology of a search, in the order of the scenario."""
    return [Capacity.of(topology, run.records, run.info.objectives) for topology in run.scenario.topologies]


def _power(probe: Probe) -> float:
    assert probe.load.latency_ms is not None
    return probe.load.requests_per_s / probe.load.latency_ms.mean


def _reason_against(record: TrialRecord, objectives: Sequence[Objective]) -> str | None:
    """Return the reason why a trial measures nothing of the server; None where it does. At an offered rate, a trial
    without a single good answer does measure it."""
    is_probe = record.rate_per_s is not None
    if record.load is None or record.usage is None or (is_probe and record.load.offered is None):
        return record.reason or "nothing was measured"
    if record.status != "ok" and (record.load.ok or not is_probe):
        return record.reason or record.status
    limiting = diagnose(_without_small_lag(record.load, objectives), record.usage)
    return limiting.why if limiting.limit is Bottleneck.GENERATOR else None


def _without_small_lag(load: LoadResult, objectives: Sequence[Objective]) -> LoadResult:
    """Return the load without the doubt that the generator was late, where the lag is small beside the objectives.

    Such a lag is part of the response times, and hardly changes the spacing of requests that arrive at random.
    """
    limits_ms = [objective.limit_ms for objective in objectives if objective.limit_ms is not None]
    lag = load.offered.send_lag_us if load.offered else None
    if lag is None or lag.p99 > MAX_LAG * min(limits_ms, default=math.inf) * US_PER_MS:
        return load
    return load.without_doubt("lagging")
