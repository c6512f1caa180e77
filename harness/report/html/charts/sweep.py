"""Throughput and latency against the number of connections, a line for each topology."""

from typing import Final

from bokeh.core.properties import value
from bokeh.models import DataRange1d, FixedTicker, Line, Scatter, Segment
from bokeh.models.annotations import Legend, LegendItem
from bokeh.plotting import figure

from harness.analysis.run import RunAnalysis
from harness.report.charts.sweep import SweepData, SweepLine, SweepPoint, sweep_data
from harness.report.figures import rate_interval_text
from harness.report.html.charts.style import Chart, Renderer, add_hover, glyph_style, make_plot, source_of
from harness.units import ms_text

HEIGHT_PX: Final = 340


def draw_throughput(analysis: RunAnalysis) -> Chart:
    """Return a chart of the requests/s, with 95 % intervals."""
    data = sweep_data(analysis)
    plot = _make_plot(data, "requests/s", y_range=DataRange1d(start=0))
    _draw_lines(plot, data, "rate")
    return Chart("Throughput against connections", "Requests/s of each topology, with 95 % intervals.", plot)


def draw_latency(analysis: RunAnalysis) -> Chart:
    """Return a chart of the p99."""
    data = sweep_data(analysis)
    plot = _make_plot(data, "p99, ms", y_axis_type="log")
    _draw_lines(plot, data, "p99_ms")
    return Chart("p99 against connections", "99th percentile of the latencies of each topology.", plot)


def _make_plot(data: SweepData, label: str, **properties: object) -> figure:
    plot = make_plot(height=HEIGHT_PX, x_axis_type="log", x_axis_label="connections", y_axis_label=label, **properties)
    plot.xaxis.ticker = FixedTicker(ticks=list(data.connections))
    plot.xaxis.major_label_overrides = {number: f"{number:,}" for number in data.connections}
    return plot


def _draw_lines(plot: figure, data: SweepData, column: str) -> None:
    drawn = {line.topology: _draw_line(plot, line, column) for line in data.lines if line.points}
    add_hover(plot, [each[-1] for each in drawn.values()], ["connections", "requests/s", "p99"])
    items = [LegendItem(label=name, renderers=renderers) for name, renderers in drawn.items()]
    plot.add_layout(Legend(items=items), "above")


def _draw_line(plot: figure, line: SweepLine, column: str) -> list[Renderer]:
    """Return what is drawn of it, the marks last."""
    style, source = glyph_style(line.style), source_of(map(_columns, line.points))
    intervals = [Segment(x0="connections", y0="low", x1="connections", y1="high", line_color=style.colour)]
    marks = Scatter(
        x="connections",
        y=column,
        marker=value(style.marker),
        size=9,
        fill_color=style.colour,
        line_color=style.colour,
    )
    glyphs = [
        Line(x="connections", y=column, line_color=style.colour, line_dash=style.dashes, line_width=2),
        *(intervals if column == "rate" else []),
        marks,
    ]
    return [plot.add_glyph(source, glyph, name=line.topology) for glyph in glyphs]


def _columns(point: SweepPoint) -> dict[str, object]:
    """Return what is drawn of a point, and what hovering shows."""
    rate = point.requests_per_s
    return {
        "connections": point.connections,
        "rate": rate.value,
        "low": rate.value if rate.low is None else rate.low,
        "high": rate.value if rate.high is None else rate.high,
        "p99_ms": point.p99_ms,
        "requests/s": rate_interval_text(rate),
        "p99": ms_text(point.p99_ms),
    }
