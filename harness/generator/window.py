"""The measured window: latencies recorded in bulk, rates sampled as wrk does, one row a second."""

from array import array
from collections.abc import Sequence
from typing import Final

import numpy as np

from harness.generator.kind import Kind
from harness.generator.messages import PartSecond
from harness.load.latency import LatencyHistogram, Nanoseconds
from harness.units import NS_PER_MS, NS_PER_S

SAMPLE_NS: Final = 100 * NS_PER_MS  # wrk's interval for Req/Sec
MAX_BUFFERED: Final = 10_000  # latencies, which take about 0.1 ms to record
MIN_ROW_NS: Final = NS_PER_S // 2


class Group:
    """The buffers to which the connections of one group append their latencies, in nanoseconds.

    ``prompt`` takes the latency of a request that was sent the moment it was due; of the others, ``response`` takes
    the time since they were due and ``service`` the time since they were sent.
    """

    __slots__ = ("prompt", "response", "service")

    def __init__(self) -> None:
        self.prompt = array("q")
        self.response = array("q")
        self.service = array("q")

    @property
    def requests(self) -> int:
        """The number of requests with a complete response in the buffers."""
        return len(self.prompt) + len(self.response)


class Window:
    """A window, which records from ``begin_ns`` on. What the groups still hold from before is discarded.

    A row of the series ends with every whole second. The last one ends with the window, and lasts half a second at the
    least, so that all processes have the same number of rows.

    ``overdue`` takes how long the timed-out requests had waited since they were due, and ``overdue_service`` since they
    were sent, if they were. ``send_lag`` takes how late each request of an open loop was started (all in ns).
    """

    def __init__(self, groups: list[Group], begin_ns: int, duration_s: float, kinds: Sequence[Kind] = ()) -> None:
        self.begin_ns = begin_ns
        self.overdue = array("q")
        self.overdue_service = array("q")
        self.send_lag = array("q")
        self.response = LatencyHistogram()
        self.service = LatencyHistogram()
        self.lag = LatencyHistogram()
        self.group_rates_per_s = array("d")
        self._groups = groups
        self._kinds = kinds
        self._counted = [0] * len(groups)  # of each group's requests in the buffers, those that are in a sample
        self._counted_ns = [begin_ns] * len(groups)
        self._last_row_ns = begin_ns + round(duration_s * NS_PER_S) - MIN_ROW_NS
        self._second_end_ns = begin_ns + NS_PER_S
        self._second = LatencyHistogram()
        self._second_requests = 0
        self._second_begin_ns = begin_ns
        self._second_errors = 0
        for group in groups:
            _drain(group.prompt, group.response, group.service)
        for kind in kinds:
            kind.reset()

    def sample(self, now_ns: int) -> None:
        """Sample each group's rate since the last sample; empty the buffers if they hold many latencies."""
        for index, group in enumerate(self._groups):
            requests = group.requests - self._counted[index]
            self._counted[index] += requests
            self._second_requests += requests
            if requests and now_ns > self._counted_ns[index]:
                self.group_rates_per_s.append(requests * NS_PER_S / (now_ns - self._counted_ns[index]))
                self._counted_ns[index] = now_ns
        if sum(self._counted) > MAX_BUFFERED:
            self._empty_buffers()

    def _empty_buffers(self) -> None:
        """Move the buffers' content into the histograms.

        Nothing is sent meanwhile, so that this is done no more often than necessary.
        """
        self._counted = [0] * len(self._groups)
        prompt_ns = _drain(*(group.prompt for group in self._groups))
        response_ns = _drain(self.overdue, *(group.response for group in self._groups))
        service_ns = _drain(self.overdue_service, *(group.service for group in self._groups))
        self._second.record(prompt_ns)
        self._second.record(response_ns)
        self.service.record(prompt_ns)
        self.service.record(service_ns)
        self.lag.record(_drain(self.send_lag))
        for kind in self._kinds:
            kind.histogram.record(_drain(kind.waits_ns))

    def is_second_over(self, now_ns: int) -> bool:
        """Check whether a row of the series is complete."""
        return self._second_end_ns <= min(now_ns, self._last_row_ns)

    def end_second(self, now_ns: int, errors: int) -> PartSecond:
        """Close and return the current row, which ends with the last sample.

        ``errors`` is the number of errors since the window began.
        """
        self._empty_buffers()
        second = PartSecond(
            end_s=(now_ns - self.begin_ns) / NS_PER_S,
            requests=self._second_requests,
            requests_per_s=self._second_requests * NS_PER_S / max(1, now_ns - self._second_begin_ns),
            errors=errors - self._second_errors,
            histogram=self._second.encode(),
        )
        self.response.add(self._second)
        self._second.reset()
        self._second_end_ns += max(1, (now_ns - self._second_end_ns) // NS_PER_S + 1) * NS_PER_S
        self._second_requests = 0
        self._second_begin_ns, self._second_errors = now_ns, errors
        return second


def _drain(*buffers: "array[int]") -> Nanoseconds:
    """Return everything in the buffers as one array, and empty them."""
    values = np.concatenate([np.array(buffer, dtype=np.int64) for buffer in buffers])
    for buffer in buffers:
        del buffer[:]
    return values
