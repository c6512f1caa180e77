"""Latency by percentile, all trials of a topology together."""

from matplotlib.figure import Figure

from harness.record import Run
from harness.report.charts.percentiles import draw_percentiles, scale_percentiles
from harness.report.charts.style import MUTED, figure, look, name_lines
from harness.report.summary import TopologySummary


def draw(run: Run, summaries: list[TopologySummary]) -> Figure:
    """A step line a topology, as far as it has requests for."""
    drawn = figure(f"{run.scenario.name}: latency by percentile, all trials together")
    axes = drawn.add_subplot()
    most = 1
    for index, summary in enumerate(summaries):
        latencies, style = summary.latencies, look(index)
        if latencies.total:
            draw_percentiles(
                axes,
                latencies,
                color=style.colour,
                linestyle=style.dashes,
                marker=style.marker,
                label=summary.name,
            )
            most = max(most, latencies.total)
    timeout_ms = run.scenario.load.timeout_s * 1000
    if any(summary.errors.timeout for summary in summaries):
        axes.axhline(timeout_ms, color=MUTED, linestyle=":", linewidth=1)
        axes.annotate(
            "timeout: at least this", (1, timeout_ms), (2, 3), textcoords="offset points", color=MUTED, fontsize=8
        )
    scale_percentiles(axes, most)
    axes.set_ylabel("latency, ms")
    name_lines(drawn, axes)
    return drawn
