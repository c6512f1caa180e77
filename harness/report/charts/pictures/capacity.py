"""Latency against the rate that was offered, with the objectives, what each topology carries, and where it is full."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.analysis.run import RunAnalysis
from harness.report.charts.capacity import TopologyProbes, capacity_data
from harness.report.charts.pictures.style import add_legend, make_figure
from harness.report.charts.style import MUTED


def draw(analysis: RunAnalysis) -> Figure:
    """Return a figure with a mark a probe, hollow where it broke an objective.

    The band is the interval of the answer, the dashes are the throughput in a closed loop, and a caret below the axis
    marks the knee.
    """
    data = capacity_data(analysis)
    figure = make_figure(f"{data.scenario}: p{data.percent:g} against the rate offered")
    axes = figure.add_subplot()
    for text, limit_ms in data.limits_ms:
        axes.axhline(limit_ms, color=MUTED, linestyle=":", linewidth=1.2)
        axes.annotate(text, (0, limit_ms), (4, 3), ("axes fraction", "data"), "offset points", color=MUTED)
    for topology in data.topologies:
        _draw_probes(axes, topology)
        _draw_answer(axes, topology)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlim(left=0)
    axes.set_xlabel("requests/s offered (band: carried, with its interval; dashes: saturated; ▲ knee)")
    axes.set_ylabel(f"p{data.percent:g}, ms (hollow: an objective was broken)")
    add_legend(figure, axes)
    return figure


def _draw_probes(axes: Axes, topology: TopologyProbes) -> None:
    style = topology.style
    for is_kept, face in ((True, style.colour), (False, "none")):
        marks = [mark for mark in topology.marks if mark.is_kept is is_kept]
        axes.scatter(
            [mark.rate_per_s for mark in marks],
            [mark.latency_ms for mark in marks],
            marker=style.marker,
            facecolors=face,
            edgecolors=style.colour,
            s=36,
            label=topology.topology if is_kept else None,
            zorder=3,
        )


def _draw_answer(axes: Axes, topology: TopologyProbes) -> None:
    rate, colour = topology.rate, topology.style.colour
    if rate and rate.low is not None and rate.high is not None:
        axes.axvspan(rate.low, rate.high, color=colour, alpha=0.15, linewidth=0)
    if rate:
        axes.axvline(rate.value, color=colour, linewidth=1)
    if topology.saturation:
        axes.axvline(topology.saturation.value, color=colour, linestyle="--", linewidth=1)
    if topology.knee_per_s is not None:
        below = axes.get_xaxis_transform()
        axes.plot(topology.knee_per_s, -0.02, marker="^", color=colour, transform=below, clip_on=False)
