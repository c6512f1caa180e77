"""Latencies in HdrHistogram's layout: recorded in bulk, merged without loss, percentiles never averaged."""

from collections.abc import Iterable
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from hdrh.histogram import HdrHistogram
from pydantic import BaseModel, ConfigDict

from harness.units import NS_PER_MS

LOWEST_NS: Final = 1
HIGHEST_NS: Final = 3_600_000_000_000  # one hour; longer ones count as one hour
SIGNIFICANT_DIGITS: Final = 3

Nanoseconds = npt.NDArray[np.int64]


class Spread(BaseModel):
    """What wrk's "Thread Stats" line says of a sample, in the sample's own unit."""

    model_config = ConfigDict(frozen=True)

    mean: float
    stdev: float
    max: float
    within_stdev_percent: float


class LatencySummary(Spread):
    """Latency in milliseconds. A timed-out request is in it with the time it had waited: at least this long."""

    p50: float
    p75: float
    p90: float
    p95: float
    p99: float
    p99_9: float
    p99_99: float


def spread_of(values: npt.NDArray[np.float64], counts: Nanoseconds | None = None) -> Spread:
    """Mean, sample standard deviation, maximum and the share within one deviation of the mean.

    ``counts`` says how often each value occurred; without it each occurred once. No values give zeros.
    """
    counts = np.ones(len(values), dtype=np.int64) if counts is None else counts
    total = int(counts.sum())
    if total == 0:
        return Spread(mean=0.0, stdev=0.0, max=0.0, within_stdev_percent=0.0)
    mean = float(np.average(values, weights=counts))
    squares = float(((values - mean) ** 2 * counts).sum())
    stdev = (squares / (total - 1)) ** 0.5 if total > 1 else 0.0
    within = counts[np.abs(values - mean) <= stdev].sum() / total
    return Spread(mean=mean, stdev=stdev, max=float(values.max()), within_stdev_percent=100 * float(within))


class LatencyHistogram:
    """An HdrHistogram over nanoseconds, three significant digits, 1 ns to 1 h.

    Source: Gil Tene's HdrHistogram; the Python package keeps the layout and the encoding, and here the counts
    are filled by NumPy, many at once, because the load loop can't pay its price per value.
    """

    def __init__(self) -> None:
        self._hdr = HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS)
        self._counts: Nanoseconds = np.frombuffer(self._hdr.counts, dtype=np.int64)  # a view, not a copy

    @classmethod
    def decode(cls, encoded: str) -> Self:
        """The histogram written by :meth:`encode`, or by any HdrHistogram V2 encoder of the same layout."""
        histogram = cls()
        histogram._hdr.decode_and_add(encoded)
        return histogram

    @classmethod
    def merged(cls, encoded: Iterable[str]) -> Self:
        """One histogram holding every value of all the encoded ones."""
        histogram = cls()
        for text in encoded:
            histogram._hdr.decode_and_add(text)
        return histogram

    def record(self, latencies_ns: Nanoseconds) -> None:
        """Add each of the latencies (nanoseconds, any shape)."""
        if latencies_ns.size:
            np.add.at(self._counts, self._indices(np.clip(latencies_ns, LOWEST_NS, HIGHEST_NS)), 1)

    def add(self, other: "LatencyHistogram") -> None:
        """Add every value of another one."""
        self._counts += other._counts

    def encode(self) -> str:
        """HdrHistogram's V2 compressed form in base64, which any HdrHistogram library opens."""
        self._settle()
        return str(self._hdr.encode().decode("ascii"))

    @property
    def total(self) -> int:
        """How many latencies were recorded."""
        return int(self._counts.sum())

    def reset(self) -> None:
        """Forget everything recorded."""
        self._counts[:] = 0

    def values_ns(self) -> tuple[npt.NDArray[np.float64], Nanoseconds]:
        """The middle of every bucket that holds something, ascending, and how many it holds."""
        indices = np.flatnonzero(self._counts)
        half_magnitude: int = self._hdr.sub_bucket_half_count_magnitude
        bucket = np.maximum((indices >> half_magnitude) - 1, 0)
        lowest = (indices - (bucket << half_magnitude)) << bucket
        return lowest + ((1 << bucket) - 1) / 2, self._counts[indices]

    def above(self, limit_ns: float) -> int:
        """How many took longer, exact to the histogram's three digits."""
        values, counts = self.values_ns()
        return int(counts[values > limit_ns].sum())

    def percentiles_ns(self, percents: Iterable[float]) -> list[float]:
        """The latency at or below which each percentage of the recorded ones lies, by nearest rank. Not when empty."""
        values, counts = self.values_ns()
        cumulated = np.cumsum(counts)
        ranks = [max(1, np.ceil(percent / 100 * cumulated[-1] - 1e-9)) for percent in percents]
        return [float(values[index]) for index in np.searchsorted(cumulated, ranks)]

    def summary(self) -> LatencySummary | None:
        """Mean, spread and percentiles in milliseconds, exact to the histogram's three digits; None when empty."""
        values, counts = self.values_ns()
        if not len(values):
            return None
        spread = spread_of(values / NS_PER_MS, counts)
        p50, p75, p90, p95, p99, p99_9, p99_99 = (
            value / NS_PER_MS for value in self.percentiles_ns([50, 75, 90, 95, 99, 99.9, 99.99])
        )
        return LatencySummary(
            **spread.model_dump(), p50=p50, p75=p75, p90=p90, p95=p95, p99=p99, p99_9=p99_9, p99_99=p99_99
        )

    def _indices(self, latencies_ns: Nanoseconds) -> npt.NDArray[np.int64]:
        """Where HdrHistogram counts each value: the same arithmetic as the library's, on a whole array."""
        half_magnitude: int = self._hdr.sub_bucket_half_count_magnitude
        bit_length = np.frexp(latencies_ns.astype(np.float64))[1].astype(np.int64)
        bucket = np.maximum(bit_length - (half_magnitude + 1), 0)
        return (bucket << half_magnitude) + (latencies_ns >> bucket)

    def _settle(self) -> None:
        """Tell the library of what was counted behind its back."""
        filled = np.flatnonzero(self._counts)
        first, last = (int(filled[0]), int(filled[-1])) if filled.size else (-1, -1)
        self._hdr.set_internal_tacking_values(first, last, self.total)
