"""Latencies in HdrHistogram's layout: recorded in bulk, merged without loss, percentiles never averaged."""

import zlib
from base64 import b64decode
from collections.abc import Iterable
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from hdrh.codec import (
    V2_COMPRESSION_COOKIE_BASE,
    ExternalHeader,
    PayloadHeader,
    ext_header_size,
    get_cookie_base,
    get_encoding_cookie,
    payload_header_size,
)
from hdrh.histogram import HdrHistogram
from pydantic import BaseModel, ConfigDict
from pyhdrh import decode

from harness.units import NS_PER_MS
from harness.units.ranges import MAX_COUNT, Amount, PositiveAmount

LOWEST_NS: Final = 1
HIGHEST_NS: Final = 3_600_000_000_000  # one hour; longer ones count as one hour
SIGNIFICANT_DIGITS: Final = 3

_LAYOUT: Final = HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS)  # which says where each value is counted
_WORD_BYTES: Final = 8
_MAX_PAYLOAD_BYTES: Final = (
    payload_header_size + (_WORD_BYTES + 1) * _LAYOUT.counts_len
)  # no count takes more than nine bytes

Nanoseconds = npt.NDArray[np.int64]


class Spread(BaseModel):
    """The statistics of a sample in wrk's "Thread Stats" line, in the sample's own unit."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    mean: Amount
    stdev: Amount
    max: Amount
    within_stdev_percent: Amount


class LatencySummary(Spread):
    """The statistics of latencies in milliseconds.

    A timed-out request is in them with the time it had waited, which is a lower bound of its latency.
    """

    mean: PositiveAmount
    max: PositiveAmount
    p50: PositiveAmount
    p75: PositiveAmount
    p90: PositiveAmount
    p95: PositiveAmount
    p99: PositiveAmount
    p99_9: PositiveAmount
    p99_99: PositiveAmount


def compute_spread(values: npt.NDArray[np.float64], counts: Nanoseconds | None = None) -> Spread:
    """Return mean, sample standard deviation, maximum, and the share within one standard deviation of the mean.

    ``counts`` says how often each value occurred; without it, each occurred once. No values give zeros.
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

    Source: Gil Tene's HdrHistogram. Layout and encoding are those of its Python package. The counts are filled by
    NumPy, many at once, because the package's cost per value is too high for the load loop.
    """

    def __init__(self) -> None:
        self._counts: Nanoseconds = np.zeros(_LAYOUT.counts_len, dtype=np.int64)

    @classmethod
    def decode(cls, encoded: str) -> Self:
        """Return the histogram encoded by :meth:`encode`, or by any HdrHistogram V2 encoder of the same layout.

        Raises ValueError for anything else.
        """
        histogram = cls()
        _decode_into(histogram._counts, encoded)
        return histogram

    @classmethod
    def merge(cls, encoded: Iterable[str]) -> Self:
        """Return one histogram with every value of all the encoded ones. Raises ValueError as :meth:`decode` does."""
        histogram, counts = cls(), np.zeros(_LAYOUT.counts_len, dtype=np.int64)
        for text in encoded:
            filled = _decode_into(counts, text).filled
            histogram._counts[filled] += counts[filled]
            counts[filled] = 0
        return histogram

    def record(self, latencies_ns: Nanoseconds) -> None:
        """Add each of the latencies (nanoseconds, any shape)."""
        if latencies_ns.size:
            np.add.at(self._counts, self._indices(np.clip(latencies_ns, LOWEST_NS, HIGHEST_NS)), 1)

    def add(self, other: "LatencyHistogram") -> None:
        """Add every value of another histogram."""
        self._counts += other._counts

    def encode(self) -> str:
        """Return HdrHistogram's V2 compressed encoding in base64, which any HdrHistogram library decodes."""
        hdr = HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS)
        np.frombuffer(hdr.counts, dtype=np.int64)[:] = self._counts
        filled = np.flatnonzero(self._counts)
        first, last = (int(filled[0]), int(filled[-1])) if filled.size else (-1, -1)
        hdr.set_internal_tacking_values(first, last, self.total)
        return str(hdr.encode().decode("ascii"))

    @property
    def total(self) -> int:
        """The number of latencies that were recorded."""
        return int(self._counts.sum())

    def reset(self) -> None:
        """Forget everything recorded."""
        self._counts[:] = 0

    def values_ns(self) -> tuple[npt.NDArray[np.float64], Nanoseconds]:
        """Return the middle of every bucket that is not empty (ns), ascending, and its counts."""
        indices = np.flatnonzero(self._counts)
        half_magnitude: int = _LAYOUT.sub_bucket_half_count_magnitude
        bucket = np.maximum((indices >> half_magnitude) - 1, 0)
        lowest = (indices - (bucket << half_magnitude)) << bucket
        return lowest + ((1 << bucket) - 1) / 2, self._counts[indices]

    def above(self, limit_ns: float) -> int:
        """Return the number of latencies above the limit, exact to the histogram's three digits."""
        values, counts = self.values_ns()
        return int(counts[values > limit_ns].sum())

    def percentiles_ns(self, percents: Iterable[float]) -> list[float]:
        """Return the percentiles (ns), by nearest rank. The histogram must not be empty."""
        values, counts = self.values_ns()
        cumulated = np.cumsum(counts)
        ranks = [max(1, np.ceil(percent / 100 * cumulated[-1] - 1e-9)) for percent in percents]
        return [float(values[index]) for index in np.searchsorted(cumulated, ranks)]

    def mean_under_way_ns(self) -> float:
        """Return how long a request that is under way at a moment drawn at random takes, on the average (ns): longer
        ones are met more often. The histogram must not be empty."""
        values, counts = self.values_ns()
        return float((values**2 * counts).sum() / (values * counts).sum())

    def summary(self) -> LatencySummary | None:
        """Return mean, spread and percentiles in ms, exact to the histogram's three digits; None if it is empty."""
        values, counts = self.values_ns()
        if not len(values):
            return None
        spread = compute_spread(values / NS_PER_MS, counts)
        p50, p75, p90, p95, p99, p99_9, p99_99 = (
            value / NS_PER_MS for value in self.percentiles_ns([50, 75, 90, 95, 99, 99.9, 99.99])
        )
        return LatencySummary(
            **spread.model_dump(), p50=p50, p75=p75, p90=p90, p95=p95, p99=p99, p99_9=p99_9, p99_99=p99_99
        )

    def _indices(self, latencies_ns: Nanoseconds) -> npt.NDArray[np.int64]:
        """Return the index at which HdrHistogram counts each value: the library's arithmetic, on a whole array."""
        half_magnitude: int = _LAYOUT.sub_bucket_half_count_magnitude
        bit_length = np.frexp(latencies_ns.astype(np.float64))[1].astype(np.int64)
        bucket = np.maximum(bit_length - (half_magnitude + 1), 0)
        return (bucket << half_magnitude) + (latencies_ns >> bucket)


def count_latencies(encoded: Iterable[str]) -> list[int]:
    """Return how many latencies each of the encoded histograms holds. Raises ValueError as decoding does."""
    counts = np.empty(_LAYOUT.counts_len, dtype=np.int64)  # scratch space
    return [_decode_into(counts, text).total for text in encoded]


class _Decoded(NamedTuple):
    """The number of decoded latencies, and the range of indices at which they are counted."""

    total: int
    filled: slice


def _decode_into(counts: Nanoseconds, encoded: str) -> _Decoded:
    """Set the counts that are above zero in an encoded histogram, and leave the others as they are. Raises ValueError.

    It is decoded by the library's decoder, but only in this layout, and with a bound on its size: a few compressed
    bytes may expand to gigabytes.
    """
    try:
        data = b64decode(encoded, validate=True)
        inflating = zlib.decompressobj()
        payload = inflating.decompress(data[ext_header_size:], _MAX_PAYLOAD_BYTES)
        if get_cookie_base(ExternalHeader.from_buffer_copy(data).cookie) != V2_COMPRESSION_COOKIE_BASE:
            raise ValueError("not compressed as HdrHistogram V2 is")
        header = PayloadHeader.from_buffer_copy(payload)
        layout = header.lowest_trackable_value, header.highest_trackable_value, header.significant_figures
        if header.cookie != get_encoding_cookie() or layout != (LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS):
            raise ValueError("another encoding or layout")
        if not inflating.eof or inflating.unused_data:
            raise ValueError("of another length")
        decoded = decode(payload, payload_header_size, counts.ctypes.data, len(counts), _WORD_BYTES)
    except (ValueError, IndexError, zlib.error) as error:
        raise ValueError(f"no histogram: {error}") from error
    if not 0 <= decoded["total"] <= MAX_COUNT:
        raise ValueError("no histogram: more in it than can be counted")
    return _Decoded(decoded["total"], slice(decoded["min_nonzero_index"], decoded["max_nonzero_index"] + 1))
