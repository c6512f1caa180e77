"""Throughput and p99 latency in the course of time: each trial faintly, their median or the first slices in bold."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from harness.analysis.run import RunAnalysis
from harness.report.charts.pictures.style import add_legend, make_figure, trials_text
from harness.report.charts.timeline import TimelinePanel, timeline_data


def draw(analysis: RunAnalysis) -> Figure:
    """Return a figure with two panels over the same seconds."""
    data = timeline_data(analysis)
    title = f"{data.scenario}: over time (faint: {trials_text(data.one_in)}, bold: {data.bold})"
    figure = make_figure(title, height_in=5.5)
    above, below = figure.subplots(2, 1, sharex=True)
    _draw_panel(above, data.rate)
    _draw_panel(below, data.p99)
    below.set_xlabel(data.time_label)
    below.set_xlim(left=0)
    add_legend(figure, above)
    return figure


def _draw_panel(axes: Axes, panel: TimelinePanel) -> None:
    for each in panel.topologies:
        lines = [np.column_stack([curve.times_s, curve.values]) for curve in each.trials]
        axes.add_collection(LineCollection(lines, colors=each.style.colour, alpha=0.25, linewidths=0.9))
        if each.bold.values:
            axes.plot(
                each.bold.times_s,
                each.bold.values,
                color=each.style.colour,
                linestyle=each.style.dashes,
                marker=each.style.marker,
                markersize=5,
                markevery=each.bold.mark_every,
                linewidth=2,
                label=each.topology,
            )
    axes.autoscale_view()
    axes.set_ylim(bottom=0)
    axes.set_ylabel(panel.label)
