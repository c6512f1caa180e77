"""What topologies are compared by."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from harness.analysis.measured import Measured
from harness.scenario import ScenarioLoad
from harness.stats.verdict import Verdict


@dataclass(frozen=True)
class Metric:
    """One figure of a trial. ``of`` gives None where the trial does not have it; ``words`` say a verdict on it."""

    name: str
    title: str
    unit: str
    more_is_better: bool
    of: Callable[[Measured], float | None]
    better: str = "faster"
    worse: str = "slower"

    def word(self, verdict: Verdict) -> str:
        """The verdict in this metric's word: more CPU per request is not slower, but dearer."""
        return {Verdict.FASTER: self.better, Verdict.SLOWER: self.worse}.get(verdict, verdict.value)


THROUGHPUT: Final = Metric("throughput", "requests/s", "/s", True, lambda trial: trial.requests_per_s)
P50: Final = Metric("p50", "p50", "ms", False, lambda trial: trial.p50_ms)
P99: Final = Metric("p99", "p99", "ms", False, lambda trial: trial.p99_ms)
CPU: Final = Metric(
    "cpu_per_request", "CPU/request", "ms", False, lambda trial: trial.cpu_ms_per_request, "cheaper", "dearer"
)
MEMORY: Final = Metric("memory", "memory", "B", False, lambda trial: trial.memory_bytes, "smaller", "larger")

ERRORS: Final = Metric("errors", "errors", "", False, lambda trial: trial.error_share)


def metrics_of(load: ScenarioLoad) -> tuple[Metric, ...]:
    """The primary metrics under this load, the one that decides first. The requests/s of an open loop are what was
    offered, and p99 decides."""
    return (P99, P50, CPU) if load.arrivals else (THROUGHPUT, P50, P99, CPU)
