"""The figures of one kind of request in one trial."""

from dataclasses import dataclass

from harness.load.latency import LatencyHistogram
from harness.load.result import LoadResult, RequestResult
from harness.units import NS_PER_MS


@dataclass(frozen=True)
class RequestFigures:
    """Those of a whole window: which seconds were warm-up is known of all requests together alone.

    ``requests_per_s`` are the complete responses to all requests.
    """

    result: RequestResult
    load: LoadResult
    requests_per_s: float

    @property
    def good_per_s(self) -> float:
        """Good responses per second."""
        return self.requests_per_s * self.result.ok / self.load.requests if self.load.requests else 0.0

    @property
    def error_share(self) -> float | None:
        """Requests that did not end well, as a part of all that ended; None where none ended."""
        ended = self.result.ok + self.result.errors
        return self.result.errors / ended if ended else None

    def percentile_ms(self, percent: float) -> float | None:
        """So many in a hundred requests took no longer; None when none ended."""
        histogram = LatencyHistogram.decode(self.result.histogram)
        return histogram.percentiles_ns([percent])[0] / NS_PER_MS if histogram.total else None
