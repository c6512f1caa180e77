"""The lines and the axis of HdrHistogram's percentile plots, where each step to the right is ten times rarer."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from harness.load.latency import LatencyHistogram
from harness.units import NS_PER_MS

TICKS: Final = (50, 90, 99, 99.9, 99.99, 99.999)
DECADE: Final = 10


@dataclass(frozen=True)
class PercentileLine:
    """From the quickest request to the slowest: one in ``rarity`` of them takes ``latency_ms`` or longer. At the points
    ``marked`` the axis has ticks; the last one is among them."""

    rarity: npt.NDArray[np.float64]
    latency_ms: npt.NDArray[np.float64]
    marked: list[int]


def percentile_line(latencies: LatencyHistogram) -> PercentileLine:
    """To be drawn in steps, each to the right of its point. Not when empty."""
    values_ns, counts = latencies.values_ns()
    total = int(counts.sum())
    at_least = total - np.cumsum(counts) + counts  # requests that took so long or longer
    percents = percentile_ticks(total)
    rarity = np.concatenate([[rarity_of(percent) for percent in percents], total / at_least, [total]])
    ns = np.concatenate([latencies.percentiles_ns(percents), values_ns, values_ns[-1:]])
    order = np.argsort(rarity, kind="stable")
    marked = [*np.flatnonzero(order < len(percents)).tolist(), len(order) - 1]
    return PercentileLine(rarity[order], ns[order] / NS_PER_MS, marked)


def draw_percentiles(axes: Axes, latencies: LatencyHistogram, **style: Any) -> None:
    """A step line from the quickest request to the slowest, marked where the axis has ticks. Not when empty."""
    line = percentile_line(latencies)
    axes.plot(
        line.rarity,
        line.latency_ms,
        drawstyle="steps-post",
        markevery=line.marked,
        markersize=5,
        clip_on=False,  # the last mark stands at the edge
        **style,
    )


def scale_percentiles(axes: Axes, requests: int) -> None:
    """Set both axes for lines of at most so many requests; call it when they are drawn."""
    ticks = percentile_ticks(requests)
    axes.set_xscale("log")
    axes.set_xlim(1, max(2, requests))
    axes.xaxis.set_major_locator(FixedLocator([rarity_of(percent) for percent in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f"{percent:g} %" for percent in ticks])
    axes.set_xlabel("percentile of requests (each line ends at the slowest)")
    low_ms, high_ms = axes.dataLim.intervaly
    if high_ms < DECADE * low_ms:  # a logarithmic axis would have one label, if any
        axes.set_ylim(bottom=0)
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:g}"))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda ms, _: f"{ms:g}" if f"{ms:e}"[0] in "25" else ""))


def percentile_ticks(requests: int) -> list[float]:
    """The percentiles that so many requests have."""
    return [percent for percent in TICKS if rarity_of(percent) <= requests]


def rarity_of(percent: float) -> float:
    """One request in how many is as slow."""
    return 1 / (1 - percent / 100)
