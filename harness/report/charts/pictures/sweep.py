"""Throughput and latency against the number of connections, a line for each topology."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.analysis.run import RunAnalysis
from harness.report.charts.pictures.style import add_legend, make_figure
from harness.report.charts.sweep import SweepData, SweepLine, sweep_data


def draw(analysis: RunAnalysis) -> Figure:
    """Return a figure with the throughput above, with 95 % intervals, and the p99 below."""
    data = sweep_data(analysis)
    figure = make_figure(f"{data.scenario}: throughput and p99 against connections", height_in=5.5)
    above, below = figure.subplots(2, 1, sharex=True)
    for line in data.lines:
        _draw_throughput(above, line)
        style = line.style
        below.plot(
            [point.connections for point in line.points],
            [point.p99_ms for point in line.points],
            color=style.colour,
            marker=style.marker,
            linestyle=style.dashes,
        )
    above.set_ylim(bottom=0)
    above.set_ylabel("requests/s")
    below.set_yscale("log")
    below.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    below.set_ylabel("p99, ms")
    _scale_connections(below, data)
    add_legend(figure, above)
    return figure


def _draw_throughput(axes: Axes, line: SweepLine) -> None:
    rates = [point.requests_per_s for point in line.points]
    style = line.style
    axes.errorbar(
        [point.connections for point in line.points],
        [rate.value for rate in rates],
        yerr=[
            [rate.value - (rate.value if rate.low is None else rate.low) for rate in rates],
            [(rate.value if rate.high is None else rate.high) - rate.value for rate in rates],
        ],
        color=style.colour,
        marker=style.marker,
        linestyle=style.dashes,
        capsize=4,
        label=line.topology,
    )


def _scale_connections(axes: Axes, data: SweepData) -> None:
    axes.set_xscale("log")
    axes.set_xticks(data.connections, [f"{number:,}" for number in data.connections])
    axes.minorticks_off()
    axes.set_xlabel("connections")
