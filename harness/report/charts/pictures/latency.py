"""Latency by percentile, all trials of a topology together."""

from matplotlib.figure import Figure

from harness.analysis.run import RunAnalysis
from harness.report.charts.latency import latency_data
from harness.report.charts.pictures.percentiles import draw_percentiles, scale_percentiles
from harness.report.charts.pictures.style import add_legend, make_figure
from harness.report.charts.style import MUTED


def draw(analysis: RunAnalysis) -> Figure:
    """Return a figure with a step line a topology, as far as it has requests for."""
    data = latency_data(analysis)
    figure = make_figure(f"{data.scenario}: latency by percentile, all trials together")
    axes = figure.add_subplot()
    for each in data.topologies:
        draw_percentiles(
            axes,
            each.line,
            color=each.style.colour,
            linestyle=each.style.dashes,
            marker=each.style.marker,
            label=each.topology,
        )
    if data.timeout_ms is not None:
        place = (1, data.timeout_ms)
        axes.axhline(data.timeout_ms, color=MUTED, linestyle=":", linewidth=1)
        axes.annotate("timeout: at least this", place, (2, 3), textcoords="offset points", color=MUTED, fontsize=8)
    scale_percentiles(axes, data.scale)
    axes.set_ylabel("latency, ms")
    add_legend(figure, axes)
    return figure
