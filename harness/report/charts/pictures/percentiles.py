"""Lines and axes of percentile plots, in Matplotlib's words."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from harness.report.charts.percentiles import PercentileLine, PercentileScale


def draw_percentiles(axes: Axes, line: PercentileLine, **style: Any) -> None:
    """Draw a step line from the quickest request to the slowest, marked where the axis has ticks."""
    axes.plot(
        line.rarity,
        line.latency_ms,
        drawstyle="steps-post",
        markevery=line.marked,
        markersize=5,
        clip_on=False,  # the last mark stands at the edge
        **style,
    )


def scale_percentiles(axes: Axes, scale: PercentileScale) -> None:
    """Set both axes; call it when the lines are drawn."""
    axes.set_xscale("log")
    axes.set_xlim(1, scale.max_rarity)
    axes.xaxis.set_major_locator(FixedLocator(list(scale.ticks)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels(list(scale.ticks.values()))
    axes.set_xlabel("percentile of requests (each line ends at the slowest)")
    if not scale.is_logarithmic:
        axes.set_ylim(bottom=0)
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:g}"))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda ms, _: f"{ms:g}" if f"{ms:e}"[0] in "25" else ""))
