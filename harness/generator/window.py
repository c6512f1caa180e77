"""The measured window: latencies bucketed in bulk, rates sampled as wrk does, one row a second."""

from array import array
from typing import Final

import numpy as np

from harness.generator.latency import LatencyHistogram, Nanoseconds, Spread, spread_of
from harness.generator.result import Second
from harness.units import NS_PER_MS, NS_PER_S

SAMPLE_NS: Final = 100 * NS_PER_MS  # wrk's interval for Req/Sec


class Window:
    """What is recorded from ``begin_ns`` on.

    ``groups`` are the buffers to which the connections of each group append the latency (ns) of every completed
    request; ``late`` takes how long the timed-out ones had waited.
    """

    def __init__(self, groups: list["array[int]"], begin_ns: int) -> None:
        self.begin_ns = begin_ns
        self.late = array("q")
        self.histogram = LatencyHistogram()
        self.series: list[Second] = []
        self._groups = groups
        self._group_rates_per_s = array("d")
        self._counted_ns = [begin_ns] * len(groups)
        self._second: list[Nanoseconds] = []
        self._second_requests = 0
        self._second_begin_ns = begin_ns
        self._second_errors = 0
        for group in groups:
            del group[:]

    def sample(self, now_ns: int) -> None:
        """Empty the buffers into the histogram and note each group's rate since the last sample."""
        for index, group in enumerate(self._groups):
            if group and now_ns > self._counted_ns[index]:
                self._group_rates_per_s.append(len(group) * NS_PER_S / (now_ns - self._counted_ns[index]))
                self._counted_ns[index] = now_ns
        self._second_requests += sum(map(len, self._groups))
        buffers = [*self._groups, self.late]
        latencies_ns = np.concatenate([np.array(buffer, dtype=np.int64) for buffer in buffers])
        for buffer in buffers:
            del buffer[:]
        self.histogram.record(latencies_ns)
        self._second.append(latencies_ns)

    def second_is_over(self, now_ns: int) -> bool:
        """Whether a row of the series is due."""
        return now_ns - self.begin_ns >= (len(self.series) + 1) * NS_PER_S

    def end_second(self, now_ns: int, errors: int) -> Second:
        """Close the current row of the series; ``errors`` counts those since the window began."""
        latencies_ms = np.concatenate(self._second) / NS_PER_MS if self._second else np.empty(0)
        p50_ms, p99_ms, max_ms = np.percentile(latencies_ms, [50, 99, 100]) if latencies_ms.size else (None,) * 3
        second = Second(
            end_s=(now_ns - self.begin_ns) / NS_PER_S,
            requests=self._second_requests,
            requests_per_s=self._second_requests * NS_PER_S / (now_ns - self._second_begin_ns),
            errors=errors - self._second_errors,
            p50_ms=p50_ms,
            p99_ms=p99_ms,
            max_ms=max_ms,
        )
        self.series.append(second)
        self._second.clear()
        self._second_requests = 0
        self._second_begin_ns, self._second_errors = now_ns, errors
        return second

    def group_rates(self) -> Spread:
        """Requests per second of each group in each sample in which it completed something."""
        return spread_of(np.array(self._group_rates_per_s))
