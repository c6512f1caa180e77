"""Counts and latencies of the requests of one kind, in a load of several kinds."""

from array import array

from harness.generator.messages import PartRequest
from harness.load.latency import LatencyHistogram


class Kind:
    """The requests of one kind.

    ``waits_ns`` takes how long each of them waited since it was due: for its whole response, or until it timed out. Of
    those, ``bad`` had a bad response and ``timed_out`` had none. ``failed`` are those without a response for another
    reason than time.
    """

    __slots__ = ("bad", "failed", "histogram", "timed_out", "waits_ns")

    def __init__(self) -> None:
        self.waits_ns = array("q")
        self.histogram = LatencyHistogram()
        self.bad = self.timed_out = self.failed = 0

    def reset(self) -> None:
        """Forget everything."""
        del self.waits_ns[:]
        self.histogram.reset()
        self.bad = self.timed_out = self.failed = 0

    def part(self) -> PartRequest:
        """Return the counts. ``waits_ns`` must be empty: only the histogram is counted."""
        requests = self.histogram.total - self.timed_out
        return PartRequest(
            requests=requests,
            ok=requests - self.bad,
            errors=self.bad + self.timed_out + self.failed,
            histogram=self.histogram.encode(),
        )
