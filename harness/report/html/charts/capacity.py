"""Latency against the rate that was offered: every probe as a mark, faint where it broke an objective."""

from typing import Final

import numpy as np
from bokeh.core.properties import value
from bokeh.models import DataRange1d, Scatter
from bokeh.models.annotations import BoxAnnotation, Span
from bokeh.plotting import figure

from harness.analysis.run import RunAnalysis
from harness.report.charts.capacity import ProbeMark, TopologyProbes, capacity_data
from harness.report.html.charts.style import Chart, Renderer, add_hover, glyph_style, make_plot, source_of
from harness.report.html.palette import MUTED
from harness.stats.estimate import Estimate
from harness.units import ms_text, rate_text

HEIGHT_PX: Final = 400
KEPT_ALPHA, BROKEN_ALPHA = 0.85, 0.25


def draw(analysis: RunAnalysis) -> Chart:
    """Return a chart with the probes, the objectives, and of each topology the interval of what it carries."""
    data = capacity_data(analysis)
    plot = make_plot(
        height=HEIGHT_PX,
        y_axis_type="log",
        x_range=DataRange1d(start=0),
        x_axis_label="requests/s offered",
        y_axis_label=f"p{data.percent:g}, ms",
    )
    topologies = [topology for topology in data.topologies if topology.is_measured]  # the others have no button
    marks = [_draw_probes(plot, topology) for topology in topologies if topology.marks]
    for topology in topologies:
        if topology.rate:
            _draw_interval(plot, topology, topology.rate)
    for _, limit_ms in data.limits_ms:
        plot.add_layout(Span(location=limit_ms, dimension="width", line_color=MUTED.light, line_dash="dotted"))
    add_hover(plot, marks, ["offered", "latency", "objectives"])
    about = "A mark is one probe, faint where it broke an objective; a band the interval of what a topology carries."
    if data.limits_ms:
        about += " Dotted: the objective."
    return Chart("Latency against the rate offered", about, plot)


def _draw_probes(plot: figure, topology: TopologyProbes) -> Renderer:
    style = glyph_style(topology.style)
    glyph = Scatter(
        x="x",
        y="y",
        marker=value(style.marker),
        size=8,
        fill_color=style.colour,
        line_color=style.colour,
        fill_alpha="alpha",
        line_alpha="alpha",
    )
    return plot.add_glyph(source_of(map(_columns, topology.marks)), glyph, name=topology.topology)


def _columns(mark: ProbeMark) -> dict[str, object]:
    """Return what is drawn of a probe, and what hovering shows."""
    return {
        "x": mark.rate_per_s,
        "y": mark.latency_ms,
        "alpha": KEPT_ALPHA if mark.is_kept else BROKEN_ALPHA,
        "offered": f"{rate_text(mark.rate_per_s)}/s",
        "latency": ms_text(mark.latency_ms),
        "objectives": "kept" if mark.is_kept else "broken",
    }


def _draw_interval(plot: figure, topology: TopologyProbes, rate: Estimate) -> None:
    low, high = (np.float32(rate.value if end is None else end) for end in (rate.low, rate.high))
    colour = topology.style.colour
    band = BoxAnnotation(left=float(low), right=float(high), fill_color=colour, fill_alpha=0.15, line_color=colour)
    band.name = topology.topology
    plot.add_layout(band)
