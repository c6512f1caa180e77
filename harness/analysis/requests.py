"""The figures of one kind of request in one trial."""

from dataclasses import dataclass

from harness.load.latency import LatencyHistogram
from harness.load.result import LoadResult, RequestResult
from harness.units import NS_PER_MS


@dataclass(frozen=True)
class RequestFigures:
    """The figures over a whole window, warm-up seconds included: those are only known for all requests together.

    ``requests_per_s`` is the rate of the responses to all requests.
    """

    result: RequestResult
    load: LoadResult
    requests_per_s: float

    @property
    def good_per_s(self) -> float:
        """The good responses per second."""
        return self.requests_per_s * self.result.ok / self.load.requests if self.load.requests else 0.0

    @property
    def error_share(self) -> float | None:
        """The share of the ended requests that did not end well; None where none ended."""
        ended = self.result.ok + self.result.errors
        return self.result.errors / ended if ended else None

    def percentile_ms(self, percent: float) -> float | None:
        """Return the percentile of the latencies (ms); None when no request ended."""
        histogram = LatencyHistogram.decode(self.result.histogram)
        return histogram.percentiles_ns([percent])[0] / NS_PER_MS if histogram.total else None
