"""The figures of one trial that counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from harness.generator.latency import LatencyHistogram
from harness.generator.result import LoadResult
from harness.record import TrialRecord, Usage

MS_PER_S: Final = 1000


@dataclass(frozen=True)
class Measured:
    """A trial that counts: its load and usage are there, and nothing spoke against it."""

    block: int
    load: LoadResult
    usage: Usage

    @property
    def requests_per_s(self) -> float:
        """Complete responses per second of the window."""
        return self.load.requests_per_s

    @property
    def p50_ms(self) -> float | None:
        """Half of the requests took longer; None when none ended."""
        return self.load.latency_ms.p50 if self.load.latency_ms else None

    @property
    def p99_ms(self) -> float | None:
        """One request in a hundred took longer; None when none ended."""
        return self.load.latency_ms.p99 if self.load.latency_ms else None

    @property
    def cpu_ms_per_request(self) -> float:
        """CPU of all the server's processes for one completed request."""
        return self.usage.cpu_s * MS_PER_S / self.load.requests

    @property
    def supports_verdicts(self) -> bool:
        """Not when the generator was the limit: then its figures are not about the server."""
        return not self.load.generator_bound


def measured(records: Iterable[TrialRecord], topology: str) -> tuple[Measured, ...]:
    """The trials of a topology that count."""
    return tuple(
        Measured(record.block, record.load, record.usage)
        for record in records
        if record.topology == topology and record.status == "ok" and record.load and record.usage
    )


def merged_latency(trials: Sequence[Measured]) -> LatencyHistogram:
    """All latencies of the trials together."""
    return LatencyHistogram.merged(trial.load.histogram for trial in trials)
