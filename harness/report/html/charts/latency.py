"""Latency by percentile, all trials of a topology together, where each step to the right is ten times rarer."""

from typing import Final

import numpy as np
import numpy.typing as npt
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, FixedTicker, Range1d, Scatter, Step
from bokeh.models.annotations import Span
from bokeh.plotting import figure

from harness.analysis.run import RunAnalysis
from harness.report.charts.latency import TopologyLatency, latency_data
from harness.report.charts.percentiles import PercentileLine, PercentileScale, percentile_ticks
from harness.report.html.charts.style import Chart, Renderer, add_hover, glyph_style, make_plot, source_of
from harness.report.html.palette import MUTED
from harness.units import ms_text

HEIGHT_PX: Final = 400
STEPS: Final = (1, 2, 5)  # that are labelled in each decade of a logarithmic axis
POINTS_PER_DECADE: Final = 100  # more of them would stand closer than the dots of a screen


def draw(analysis: RunAnalysis) -> Chart:
    """Return a chart with a step line a topology, as far as it has requests for."""
    data = latency_data(analysis)
    plot = _make_percentile_plot(data.scale)
    marks = [_draw_topology(plot, topology) for topology in data.topologies]
    add_hover(plot, marks, ["percentile", "latency"])
    about = "All trials together; each line ends at the slowest request."
    if data.timeout_ms is not None:
        plot.add_layout(Span(location=data.timeout_ms, dimension="width", line_color=MUTED.light, line_dash="dotted"))
        about += f" Dotted: the timeout of {ms_text(data.timeout_ms)}; what is cut off there took at least so long."
    return Chart("Latency by percentile", about, plot)


def _make_percentile_plot(scale: PercentileScale) -> figure:
    is_logarithmic = scale.is_logarithmic
    start_ms, end_ms = (scale.low_ms / 1.2, scale.high_ms * 1.2) if is_logarithmic else (0, scale.high_ms * 1.1)
    plot = make_plot(
        height=HEIGHT_PX,
        x_axis_type="log",
        y_axis_type="log" if is_logarithmic else "linear",
        x_range=Range1d(start=1, end=scale.max_rarity * 1.1),
        y_range=Range1d(start=start_ms, end=end_ms),
        x_axis_label="percentile of requests",
        y_axis_label="latency, ms",
    )
    plot.xaxis.ticker = FixedTicker(ticks=list(scale.ticks))
    plot.xaxis.major_label_overrides = dict(scale.ticks.items())
    if is_logarithmic:
        plot.yaxis.ticker = FixedTicker(ticks=_decades(scale.low_ms, scale.high_ms))
    return plot


def _draw_topology(plot: figure, topology: TopologyLatency) -> Renderer:
    """Draw its line, and marks where the axis has ticks; return the marks, which can be hovered over."""
    line, style = topology.line, glyph_style(topology.style)
    kept = _thin_out(line)
    points = ColumnDataSource(
        {"rarity": line.rarity[kept].astype(np.float32), "ms": line.latency_ms[kept].astype(np.float32)}
    )
    step = Step(x="rarity", y="ms", mode="after", line_color=style.colour, line_dash=style.dashes, line_width=1.8)
    plot.add_glyph(points, step, name=topology.topology)
    percents = [f"{percent:g} %" for percent in percentile_ticks(line.requests)]
    marked = source_of(
        {
            "rarity": line.rarity[at],
            "ms": line.latency_ms[at],
            "percentile": text,
            "latency": ms_text(line.latency_ms[at]),
        }
        for at, text in zip(line.marked, [*percents, "slowest"], strict=True)
    )
    mark = Scatter(
        x="rarity", y="ms", marker=value(style.marker), size=8, fill_color=style.colour, line_color=style.colour
    )
    return plot.add_glyph(marked, mark, name=topology.topology)


def _decades(low: float, high: float) -> list[float]:
    exponents = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    return [step * 10.0**exponent for exponent in exponents for step in STEPS]


def _thin_out(line: PercentileLine) -> npt.NDArray[np.int64]:
    """Return the points to be drawn: of those that stand too close to be seen apart, the last, which is the slowest."""
    places = np.round(np.log10(line.rarity) * POINTS_PER_DECADE)
    _, first_from_end = np.unique(places[::-1], return_index=True)
    return np.sort(len(places) - 1 - first_from_end)
