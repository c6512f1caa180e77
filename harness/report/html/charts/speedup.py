"""Speed-up over the baseline against the number of workers, with the ideal and the cores there are."""

from typing import Final

from bokeh.core.properties import value
from bokeh.models import Line, Range1d, Scatter, Segment
from bokeh.models.annotations import Label, Legend, LegendItem, Span
from bokeh.plotting import figure

from harness.analysis.run import RunAnalysis
from harness.report.charts.speedup import UNIT, FamilySpeedUp, speedup_data
from harness.report.html.charts.style import (
    FONT,
    FONT_SIZE,
    Chart,
    Renderer,
    add_hover,
    glyph_style,
    make_plot,
    source_of,
)
from harness.report.html.palette import MUTED, PAPER

HEIGHT_PX: Final = 340


def draw(analysis: RunAnalysis) -> Chart:
    """Return a chart with a line for each family of clusters, and a lone hollow mark for what is not a cluster."""
    data = speedup_data(analysis)
    start, end = data.workers_range
    plot = make_plot(
        height=HEIGHT_PX,
        x_range=Range1d(start=start, end=end),
        y_range=Range1d(start=0, end=data.axis_end),
        x_axis_label=UNIT,
        y_axis_label=data.ratio_label,
    )
    plot.xaxis.ticker = list(data.counts)
    source = source_of({"workers": workers, "ratio": workers} for workers in (1, data.max_workers))
    ideal: Renderer = plot.add_glyph(source, Line(x="workers", y="ratio", line_color=MUTED.light, line_dash="dotted"))
    if data.shows_cores:
        _mark_cores(plot, data.cores)
    families = {family.family: _draw_family(plot, family) for family in data.families}
    add_hover(plot, [drawn[-1] for drawn in families.values()], ["workers", "speed-up", "95 % interval"], "@topology")
    items = [LegendItem(label=name, renderers=drawn) for name, drawn in [*families.items(), ("ideal", [ideal])]]
    plot.add_layout(Legend(items=items), "above")
    return Chart("Speed-up", f"How many times the requests/s of {data.baseline}, with 95 % intervals.", plot)


def _mark_cores(plot: figure, cores: int) -> None:
    plot.add_layout(Span(location=cores, dimension="height", line_color=MUTED.light, line_dash="dashed"))
    text = f"{cores} core{'s' if cores > 1 else ''}"
    plot.add_layout(
        Label(
            x=cores,
            y=0,
            x_offset=5,
            y_offset=5,
            text=text,
            text_color=MUTED.light,
            text_font=FONT,
            text_font_size=FONT_SIZE,
        )
    )


def _draw_family(plot: figure, family: FamilySpeedUp) -> list[Renderer]:
    """Return what is drawn of it, the marks last."""
    style = glyph_style(family.style)
    source = source_of(
        {
            "topology": point.topology,
            "workers": point.workers,
            "ratio": point.ratio,
            "low": point.low,
            "high": point.high,
            "speed-up": f"{point.ratio:.2f}×",
            "95 % interval": f"{point.low:.2f}–{point.high:.2f}" if point.high > point.low else "–",
        }
        for point in family.points
    )
    caps = [
        Scatter(x="workers", y=end, marker=value("dash"), size=10, line_color=style.colour, line_width=1.5)
        for end in ("low", "high")
    ]
    return [
        plot.add_glyph(source, glyph)
        for glyph in (
            Line(x="workers", y="ratio", line_color=style.colour, line_dash=style.dashes, line_width=2),
            Segment(x0="workers", y0="low", x1="workers", y1="high", line_color=style.colour, line_width=1.5),
            *caps,
            Scatter(
                x="workers",
                y="ratio",
                marker=value(style.marker),
                size=9 if family.is_line else 11,
                fill_color=style.colour if family.is_line else PAPER.light,
                line_color=style.colour,
                line_width=1.5,
            ),
        )
    ]
