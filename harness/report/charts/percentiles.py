"""The lines and the axis of HdrHistogram's percentile plots, where each step to the right is ten times rarer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from harness.load.latency import LatencyHistogram
from harness.units import NS_PER_MS

TICKS: Final = (50, 90, 99, 99.9, 99.99, 99.999)
DECADE: Final = 10


@dataclass(frozen=True)
class PercentileLine:
    """A step line from the quickest request to the slowest: one request in ``rarity`` takes ``latency_ms`` or longer.

    At the points ``marked`` the axis has ticks; the last point is among them.
    """

    rarity: npt.NDArray[np.float64]
    latency_ms: npt.NDArray[np.float64]
    marked: list[int]

    @property
    def requests(self) -> int:
        """The number of requests in the line: the slowest is one of so many."""
        return round(float(self.rarity[-1]))


@dataclass(frozen=True)
class PercentileScale:
    """The axes of some percentile lines: one for at most so many ``requests``, one of times (ms)."""

    requests: int
    low_ms: float
    high_ms: float

    @property
    def max_rarity(self) -> int:
        """The end of the axis of percentiles, which begins at 1."""
        return max(2, self.requests)

    @property
    def is_logarithmic(self) -> bool:
        """True if the times span a decade: on less, a logarithmic axis would have one label, if any."""
        return self.high_ms >= DECADE * self.low_ms

    @property
    def ticks(self) -> dict[float, str]:
        """The labels of the axis of percentiles, by rarity."""
        return {rarity_of(percent): f"{percent:g} %" for percent in percentile_ticks(self.requests)}


def percentile_line(latencies: LatencyHistogram) -> PercentileLine:
    """Return the line of some latencies, of which there is one at least; each step is to the right of its point."""
    values_ns, counts = latencies.values_ns()
    total = int(counts.sum())
    at_least = total - np.cumsum(counts) + counts  # requests that took so long or longer
    percents = percentile_ticks(total)
    rarity = np.concatenate([[rarity_of(percent) for percent in percents], total / at_least, [total]])
    ns = np.concatenate([latencies.percentiles_ns(percents), values_ns, values_ns[-1:]])
    order = np.argsort(rarity, kind="stable")
    marked = [*np.flatnonzero(order < len(percents)).tolist(), len(order) - 1]
    return PercentileLine(rarity[order], ns[order] / NS_PER_MS, marked)


def percentile_scale(lines: Sequence[PercentileLine], other_ms: Sequence[float] = ()) -> PercentileScale:
    """Return the axes of the lines, which also show the ``other_ms`` times; from 1 to 1 ms where there is neither."""
    lows = [float(line.latency_ms.min()) for line in lines]
    highs = [float(line.latency_ms.max()) for line in lines]
    return PercentileScale(
        requests=max([1, *(line.requests for line in lines)]),
        low_ms=min([*lows, *other_ms], default=1.0),
        high_ms=max([*highs, *other_ms], default=1.0),
    )


def percentile_ticks(requests: int) -> list[float]:
    """Return the percentiles that so many requests have."""
    return [percent for percent in TICKS if rarity_of(percent) <= requests]


def rarity_of(percent: float) -> float:
    """Return the number of requests of which one is as slow."""
    return 1 / (1 - percent / 100)
