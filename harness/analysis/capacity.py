"""What a search has found: of each topology the highest rate that keeps every objective, from records alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from harness.analysis.bottleneck import Bottleneck, limit_of
from harness.analysis.trials import Trial, valid_trials
from harness.load.latency import LatencyHistogram
from harness.load.result import LoadResult
from harness.record import Run, TrialRecord
from harness.scenario import Objective, Topology
from harness.stats.crossing import BadShare, Crossing, find_crossing
from harness.stats.estimate import Estimate, mean_over_trials, product_of
from harness.units import NS_PER_MS

LINE_ERRORS: Final = 3  # standard deviations of a line's length, by which it may differ at the ends of a window
LEAST_ACHIEVED: Final = 0.99  # of what was offered
SATURATED: Final = 0.95  # of what was offered: who answers less, while the line grows, is as fast as it can be
MOST_LAG: Final = 0.05  # of the time that users are promised, by which one request in a hundred may be sent late
US_PER_MS: Final = 1000


@dataclass(frozen=True)
class Probe:
    """One rate, offered to a fresh server."""

    record: TrialRecord
    load: LoadResult
    objectives: tuple[Objective, ...]

    @property
    def rate_per_s(self) -> float:
        """What arrived in the window, which at random is a little more or less than what was asked: half of the luck of
        a probe is in that."""
        assert self.load.offered is not None
        return self.load.offered.rate_per_s

    @property
    def achieved(self) -> float:
        """Of the requests that were due, the part that was answered in the window; more than 1 where a line of the
        warm-up was too."""
        assert self.load.offered is not None
        return self.load.requests / self.load.offered.due if self.load.offered.due else 1.0

    @property
    def left_in_line(self) -> int:
        """Requests by which the line of those waiting grew, where that is more than lines vary by and than what may be
        missing of the offer."""
        assert self.load.offered is not None
        before, after = self.load.started - self.load.offered.begun, self.load.unfinished
        least = max(LINE_ERRORS * math.sqrt(after + before), (1 - LEAST_ACHIEVED) * self.load.offered.due)
        return after - before if after - before > least else 0

    @property
    def is_saturated(self) -> bool:
        """Whether so much more was offered than was answered that the rate of the answers is the server's own."""
        return self.left_in_line > 0 and self.achieved < SATURATED

    @cached_property
    def latencies(self) -> LatencyHistogram:
        """Response times, from when each request was due."""
        return LatencyHistogram.decode(self.load.histogram)

    @cached_property
    def _within(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """The response times (ns), ascending, and how many requests took no longer than each: first, than none."""
        values_ns, counts = self.latencies.values_ns()
        return values_ns, np.concatenate([[0], np.cumsum(counts)])

    @cached_property
    def shares(self) -> tuple[BadShare, ...]:
        """Of each objective the requests that broke it."""
        return tuple(map(self._share, self.objectives))

    @property
    def is_kept(self) -> bool:
        """Whether this probe kept all of them, and up with what was offered."""
        kept = all(
            share.bad <= objective.allowed * share.requests
            for share, objective in zip(self.shares, self.objectives, strict=True)
        )
        return kept and not self.left_in_line

    def _share(self, objective: Objective) -> BadShare:
        if objective.limit_ms is not None:
            return self.slower(objective.limit_ms)
        errors, offered = self.load.errors, self.load.offered
        assert offered is not None
        ended = self.latencies.total + errors.failed + offered.dropped
        return BadShare(self.rate_per_s, ended, min(ended, errors.total + offered.dropped))

    def slower(self, limit_ms: float) -> BadShare:
        """Of the requests those that took longer, or were not answered well at all."""
        errors, offered = self.load.errors, self.load.offered
        assert offered is not None
        ended = self.latencies.total + errors.failed + offered.dropped
        values_ns, within = self._within
        slow = int(within[-1] - within[np.searchsorted(values_ns, limit_ms * NS_PER_MS, side="right")])
        bad = slow + errors.failed + errors.status + errors.body + offered.dropped
        return BadShare(self.rate_per_s, ended + self.left_in_line, min(ended, bad) + self.left_in_line)


@dataclass(frozen=True)
class Capacity:
    """Of one topology: ``saturation`` is its throughput when there is always more to do, ``ceilings`` the trials in a
    closed loop, ``probes`` the rates that were offered, lowest first; ``left_out`` says of each trial that does not
    count why. ``crossings`` are where each of the ``objectives`` is broken."""

    topology: Topology
    objectives: tuple[Objective, ...]
    ceilings: tuple[Trial, ...]
    probes: tuple[Probe, ...]
    left_out: tuple[str, ...]

    @classmethod
    def of(cls, topology: Topology, records: Sequence[TrialRecord], objectives: Sequence[Objective]) -> Self:
        """From what was recorded so far."""
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
        """Requests/s in a closed loop, and of the probes that offered more; None where no closed loop counts."""
        rates = [trial.requests_per_s for trial in self.ceilings]
        full = [probe.achieved * probe.rate_per_s for probe in self.probes if probe.is_saturated]
        return mean_over_trials([*rates, *full]) if rates else None

    @cached_property
    def crossings(self) -> tuple[Crossing, ...]:
        """Of each objective; none before the first probe."""
        if not self.probes:
            return ()
        return tuple(
            find_crossing([probe.shares[index] for probe in self.probes], objective.allowed)
            for index, objective in enumerate(self.objectives)
        )

    @property
    def binding(self) -> Objective | None:
        """The objective that is broken first; None where none is, up to the saturation, or where nothing is known."""
        known = [
            (crossing.rate.value, objective)
            for crossing, objective in zip(self.crossings, self.objectives, strict=bool(self.crossings))
            if crossing.rate
        ]
        rate, objective = min(known, key=lambda each: each[0], default=(math.inf, None))
        return objective if self.saturation and rate < self.saturation.value else None

    @property
    def rate(self) -> Estimate | None:
        """The highest rate that keeps every objective: where the first of them is broken, and no more than the
        saturation, since what is not answered at 99 % is not carried. None where none is kept, or it is not known."""
        if self.saturation is None or not self.crossings or self.unkept:
            return None
        rates = [crossing.rate for crossing in self.crossings if crossing.rate]
        if not rates and self.probes[-1].rate_per_s < self.saturation.value:
            return None
        return min([*rates, self.saturation], key=lambda rate: rate.value)

    @property
    def unkept(self) -> Objective | None:
        """One that was broken at every rate that was offered."""
        return next(
            (
                objective
                for crossing, objective in zip(self.crossings, self.objectives, strict=bool(self.crossings))
                if crossing.kept is None
            ),
            None,
        )

    @property
    def price(self) -> Estimate | None:
        """The price of the objective: the part of the saturation throughput that keeping it costs. Its interval is that
        of two figures that are estimated independently, and does not reach below nothing."""
        if self.rate is None or self.saturation is None:
            return None
        if self.rate == self.saturation:
            return Estimate(0.0, None, None, self.rate.n, "full before an objective is broken")
        kept = product_of(self.rate, self.saturation.inverse())
        low, high = (None if end is None else max(0.0, 1 - end) for end in (kept.high, kept.low))
        return Estimate(1 - kept.value, low, high, kept.n, kept.method)

    @property
    def knee(self) -> Probe | None:
        """Where the rate is most for the time that a request then takes, beyond which waiting grows faster than what is
        served (the power of Kleinrock, Power and deterministic rules of thumb, ICC 1979)."""
        told = [probe for probe in self.probes if probe.load.latency_ms and probe.load.requests]
        return max(told, key=_power, default=None)


def capacities(run: Run) -> list[Capacity]:
    """Of every topology of a search, in the order of the scenario."""
    return [Capacity.of(topology, run.records, run.info.objectives) for topology in run.scenario.topologies]


def _power(probe: Probe) -> float:
    assert probe.load.latency_ms is not None
    return probe.load.requests_per_s / probe.load.latency_ms.mean


def _reason_against(record: TrialRecord, objectives: Sequence[Objective]) -> str | None:
    """Why a trial tells nothing of the server. That no request at all was answered well does tell, at a rate that was
    offered."""
    is_probe = record.rate_per_s is not None
    if record.load is None or record.usage is None or (is_probe and record.load.offered is None):
        return record.reason or "nothing was measured"
    if record.status != "ok" and (record.load.ok or not is_probe):
        return record.reason or record.status
    limiting = limit_of(_without_small_lag(record.load, objectives), record.usage)
    return limiting.why if limiting.limit is Bottleneck.GENERATOR else None


def _without_small_lag(load: LoadResult, objectives: Sequence[Objective]) -> LoadResult:
    """Without the doubt that the generator was late, where that is little beside the objectives: how late it
    was is in their response times, and spoils the spacing of requests that arrive at random no further."""
    limits_ms = [objective.limit_ms for objective in objectives if objective.limit_ms is not None]
    lag = load.offered.send_lag_us if load.offered else None
    if lag is None or lag.p99 > MOST_LAG * min(limits_ms, default=math.inf) * US_PER_MS:
        return load
    return load.model_copy(update={"doubts": [doubt for doubt in load.doubts if doubt.kind != "lagging"]})
