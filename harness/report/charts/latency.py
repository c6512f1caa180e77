"""Latency by percentile on HdrHistogram's axis, where each step to the right is ten times rarer."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from harness.record import Run
from harness.report.charts.style import MUTED, figure, look, name_lines
from harness.report.summary import TopologySummary, merged_latency
from harness.units import NS_PER_MS

TICKS = (0, 50, 90, 99, 99.9, 99.99, 99.999)


def draw(run: Run, summaries: list[TopologySummary]) -> Figure:
    """A step line a topology, as far as it has requests for."""
    drawn = figure(f"{run.scenario.name}: latency by percentile, all trials together")
    axes = drawn.add_subplot()
    rarest = 1.0
    for index, summary in enumerate(summaries):
        values_ns, counts = merged_latency(summary.trials).values_ns()
        if not len(values_ns):
            continue
        total = counts.sum()
        below = (np.cumsum(counts) - counts) / total  # the share of requests that were quicker
        rarity, style = 1 / (1 - below), look(index)
        rarest = max(rarest, float(total))
        axes.plot(
            np.append(rarity, total),
            np.append(values_ns, values_ns[-1]) / NS_PER_MS,
            color=style.colour,
            linestyle=style.dashes,
            marker=style.marker,
            markevery=np.searchsorted(rarity, [1, 2, 10, 100, 1000]).clip(0, len(rarity)).tolist(),
            label=summary.name,
            markersize=5,
        )
    timeout_ms = run.scenario.load.timeout_s * 1000
    if any(summary.errors.timeout for summary in summaries):
        axes.axhline(timeout_ms, color=MUTED, linestyle=":", linewidth=1)
        axes.annotate(
            "timeout: at least this", (1, timeout_ms), (2, 3), textcoords="offset points", color=MUTED, fontsize=8
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = [percent for percent in TICKS if 1 / (1 - percent / 100) <= rarest]
    axes.xaxis.set_major_locator(FixedLocator([1 / (1 - percent / 100) for percent in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f"{percent:g} %" for percent in ticks])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:g}"))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda ms, _: f"{ms:g}" if f"{ms:e}"[0] in "25" else ""))
    axes.set_xlim(1, rarest * 1.1)
    axes.set_xlabel("percentile of requests")
    axes.set_ylabel("latency, ms")
    name_lines(drawn, axes)
    return drawn
