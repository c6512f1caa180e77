"""A queue in place of a server: what probes of it see follows a law that is known, and takes no time."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.load.latency import LatencyHistogram
from harness.load.result import LoadResult
from harness.record import PlannedTrial, TrialRecord
from harness.units import NS_PER_S
from tests.made_runs import BEGAN, load_result, offered, usage


@dataclass
class Queue:
    """One line for all ``workers``, who together serve ``served_per_s``; service is exponential, or always the same;
    arrivals are at random, after a warm-up."""

    served_per_s: float
    dice: np.random.Generator
    workers: int = 1
    is_constant: bool = False
    warmup_s: float = 5.0
    window_s: float = 30.0

    def rate_with(self, slow_s: float, allowed: float) -> float:
        """The rate at which the part ``allowed`` of the requests takes longer: P(T > t) = exp(−(μ − λ)t)."""
        return float(self.served_per_s + np.log(allowed) / slow_s)

    def record(self, planned: PlannedTrial) -> TrialRecord:
        """What a trial would have recorded."""
        rate = planned.rate_per_s
        load = self._closed() if rate is None else self._probed(rate)
        return TrialRecord(
            trial=planned.id,
            block=planned.block,
            position=planned.position,
            topology=planned.topology.name,
            workers=planned.topology.workers,
            rate_per_s=rate,
            status="ok",
            started_at=BEGAN,
            load=load,
            usage=usage([10]),
        )

    def _closed(self) -> LoadResult:
        return load_result(self.served_per_s * float(np.exp(self.dice.normal(scale=0.01))))

    def _probed(self, rate: float) -> LoadResult:
        came_s, went_s = self._times(rate)
        opens_s, closes_s = self.warmup_s, self.warmup_s + self.window_s
        ended = (went_s > opens_s) & (went_s <= closes_s)
        before, after = int(np.sum((came_s <= opens_s) & (went_s > opens_s))), int(np.sum(went_s > closes_s))
        latencies = LatencyHistogram()
        latencies.record(((went_s - came_s)[ended] * NS_PER_S).astype(np.int64))
        service = LatencyHistogram()
        service.record((self._services_s(1000) * NS_PER_S).astype(np.int64))
        due = int(np.sum(came_s > opens_s))
        return load_result(rate).model_copy(
            update={
                "loop": "open",
                "started": before + due,
                "requests": int(ended.sum()),
                "ok": int(ended.sum()),
                "unfinished": after,
                "offered": offered(due).model_copy(update={"rate_per_s": due / self.window_s}),
                "latency_ms": latencies.summary(),
                "histogram": latencies.encode(),
                "service_ms": service.summary(),
                "service_histogram": service.encode(),
            }
        )

    def _times(self, rate: float) -> tuple[np.ndarray, np.ndarray]:
        """When each request came and went, by Kiefer and Wolfowitz's recursion (Trans. Am. Math. Soc. 78, 1955)."""
        length_s = self.warmup_s + self.window_s
        came_s = np.sort(self.dice.uniform(0, length_s, self.dice.poisson(rate * length_s)))
        went_s, free_s = np.empty(len(came_s)), [0.0] * self.workers
        for index, (came, service) in enumerate(zip(came_s, self._services_s(len(came_s)), strict=True)):
            went_s[index] = max(came, free_s[0]) + service
            heapq.heapreplace(free_s, went_s[index])
        return came_s, went_s

    def _services_s(self, count: int) -> np.ndarray:
        mean_s = self.workers / self.served_per_s
        return np.full(count, mean_s) if self.is_constant else self.dice.exponential(mean_s, count)


def records(trials: Sequence[PlannedTrial], queue: Queue) -> list[TrialRecord]:
    """Of a whole round."""
    return [queue.record(planned) for planned in trials]
