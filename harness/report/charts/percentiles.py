"""The lines and the axis of HdrHistogram's percentile plots, where each step to the right is ten times rarer."""

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from harness.generator.latency import LatencyHistogram
from harness.units import NS_PER_MS

TICKS: Final = (50, 90, 99, 99.9, 99.99, 99.999)
DECADE: Final = 10


def draw_percentiles(axes: Axes, latencies: LatencyHistogram, **style: Any) -> None:
    """A step line from the quickest request to the slowest, marked where the axis has ticks. Not when empty."""
    values_ns, counts = latencies.values_ns()
    total = int(counts.sum())
    at_least = total - np.cumsum(counts) + counts  # requests that took so long or longer
    percents = _ticks(total)
    rarity = np.concatenate([[_rarity(percent) for percent in percents], total / at_least, [total]])
    ns = np.concatenate([latencies.percentiles_ns(percents), values_ns, values_ns[-1:]])
    order = np.argsort(rarity, kind="stable")
    marked = [*np.flatnonzero(order < len(percents)).tolist(), len(order) - 1]
    axes.plot(
        rarity[order],
        ns[order] / NS_PER_MS,
        drawstyle="steps-post",
        markevery=marked,
        markersize=5,
        clip_on=False,  # the last mark stands at the edge
        **style,
    )


def scale_percentiles(axes: Axes, requests: int) -> None:
    """Set both axes for lines of at most so many requests; call it when they are drawn."""
    ticks = _ticks(requests)
    axes.set_xscale("log")
    axes.set_xlim(1, max(2, requests))
    axes.xaxis.set_major_locator(FixedLocator([_rarity(percent) for percent in ticks]))
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


def _ticks(requests: int) -> list[float]:
    return [percent for percent in TICKS if _rarity(percent) <= requests]


def _rarity(percent: float) -> float:
    """One request in how many is as slow."""
    return 1 / (1 - percent / 100)
