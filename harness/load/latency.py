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

_LAYOUT: Final = HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS)  # where it counts which value
_WORD_BYTES: Final = 8
_MAX_PAYLOAD_BYTES: Final = payload_header_size + (_WORD_BYTES + 1) * _LAYOUT.counts_len  # nine bytes hold any count

Nanoseconds = npt.NDArray[np.int64]


class Spread(BaseModel):
    """What wrk's "Thread Stats" line says of a sample, in the sample's own unit."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    mean: Amount
    stdev: Amount
    max: Amount
    within_stdev_percent: Amount


class LatencySummary(Spread):
    """Latency in milliseconds. A timed-out request is in it with the time it had waited: at least this long."""

    mean: PositiveAmount
    max: PositiveAmount
    p50: PositiveAmount
    p75: PositiveAmount
    p90: PositiveAmount
    p95: PositiveAmount
    p99: PositiveAmount
    p99_9: PositiveAmount
    p99_99: PositiveAmount


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
        self._counts: Nanoseconds = np.zeros(_LAYOUT.counts_len, dtype=np.int64)

    @classmethod
    def decode(cls, encoded: str) -> Self:
        """The histogram written by :meth:`encode`, or by any HdrHistogram V2 encoder of the same layout.

        Raises ValueError for anything else.
        """
        histogram = cls()
        _decode_into(histogram._counts, encoded)
        return histogram

    @classmethod
    def merged(cls, encoded: Iterable[str]) -> Self:
        """One histogram holding every value of all the encoded ones. Raises ValueError as :meth:`decode` does."""
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
        """Add every value of another one."""
        self._counts += other._counts

    def encode(self) -> str:
        """HdrHistogram's V2 compressed form in base64, which any HdrHistogram library opens."""
        hdr = HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS)
        np.frombuffer(hdr.counts, dtype=np.int64)[:] = self._counts
        filled = np.flatnonzero(self._counts)
        first, last = (int(filled[0]), int(filled[-1])) if filled.size else (-1, -1)
        hdr.set_internal_tacking_values(first, last, self.total)
        return str(hdr.encode().decode("ascii"))

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
        half_magnitude: int = _LAYOUT.sub_bucket_half_count_magnitude
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
        half_magnitude: int = _LAYOUT.sub_bucket_half_count_magnitude
        bit_length = np.frexp(latencies_ns.astype(np.float64))[1].astype(np.int64)
        bucket = np.maximum(bit_length - (half_magnitude + 1), 0)
        return (bucket << half_magnitude) + (latencies_ns >> bucket)


def totals_of(encoded: Iterable[str]) -> list[int]:
    """Return how many latencies each of the encoded histograms holds. Raises ValueError as decoding does."""
    counts = np.empty(_LAYOUT.counts_len, dtype=np.int64)  # of nobody's
    return [_decode_into(counts, text).total for text in encoded]


class _Decoded(NamedTuple):
    """How many latencies there were, and where they were counted."""

    total: int
    filled: slice


def _decode_into(counts: Nanoseconds, encoded: str) -> _Decoded:
    """Set the counts that are more than zero in an encoded histogram, with the library's own decoder but without its
    search for another layout, and bounded, since a few bytes may come to gigabytes. Raises ValueError."""
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
        told = decode(payload, payload_header_size, counts.ctypes.data, len(counts), _WORD_BYTES)
    except (ValueError, IndexError, zlib.error) as error:
        raise ValueError(f"no histogram: {error}") from error
    if not 0 <= told["total"] <= MAX_COUNT:
        raise ValueError("no histogram: more in it than can be counted")
    return _Decoded(told["total"], slice(told["min_nonzero_index"], told["max_nonzero_index"] + 1))
