"""Speed-up over the baseline against the number of workers, with the ideal and the cores there are."""

from typing import Final

from bokeh.core.properties import value
from bokeh.models import Line, Range1d, Scatter, Segment
from bokeh.models.annotations import Label, Legend, LegendItem, Span
from bokeh.plotting import figure

from harness.record import Run
from harness.report.charts.speedup import SpeedUp, speedups
from harness.report.charts.style import top_for
from harness.report.html.charts.style import FONT, FONT_SIZE, Chart, Drawn, hovering, looks, plot, source_of
from harness.report.html.palette import MUTED, PAPER
from harness.report.summary import TopologySummary

HEIGHT_PX: Final = 340


def draw(run: Run, summaries: list[TopologySummary]) -> Chart:
    """A line for each family of clusters, a lone hollow mark for what is not a cluster; the baseline is 1."""
    counts = sorted({1, *(summary.workers or 1 for summary in summaries)})
    most, cores = counts[-1], run.environment.usable_cores
    ratios = [summary.ratio for summary in summaries if summary.ratio]
    top = top_for([2.0, *(ratio.value for ratio in ratios)], [ratio.high for ratio in ratios])
    baseline = run.scenario.baseline.name
    made = plot(
        height=HEIGHT_PX,
        x_range=Range1d(start=0.7, end=most + 0.3),
        y_range=Range1d(start=0, end=top),
        x_axis_label="workers",
        y_axis_label=f"requests/s ÷ those of {baseline}",
    )
    made.xaxis.ticker = counts
    source = source_of({"workers": workers, "ratio": workers} for workers in (1, most))
    ideal: Drawn = made.add_glyph(source, Line(x="workers", y="ratio", line_color=MUTED.light, line_dash="dotted"))
    if cores <= most:
        _mark_cores(made, cores)
    families = {
        family: _family(made, index, points)
        for index, (family, points) in enumerate(speedups(summaries).items())
        if points
    }
    hovering(made, [drawn[-1] for drawn in families.values()], ["workers", "speed-up", "95 % interval"], "@topology")
    items = [LegendItem(label=name, renderers=drawn) for name, drawn in [*families.items(), ("ideal", [ideal])]]
    made.add_layout(Legend(items=items), "above")
    return Chart("Speed-up", f"How many times the requests/s of {baseline}, with 95 % intervals.", made)


def _mark_cores(made: figure, cores: int) -> None:
    made.add_layout(Span(location=cores, dimension="height", line_color=MUTED.light, line_dash="dashed"))
    text = f"{cores} core{'s' if cores > 1 else ''}"
    made.add_layout(
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


def _family(made: figure, index: int, points: list[SpeedUp]) -> list[Drawn]:
    """What is drawn of it, the marks last."""
    style, is_line = looks(index), len(points) > 1
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
        for point in points
    )
    caps = [
        Scatter(x="workers", y=end, marker=value("dash"), size=10, line_color=style.colour, line_width=1.5)
        for end in ("low", "high")
    ]
    return [
        made.add_glyph(source, glyph)
        for glyph in (
            Line(x="workers", y="ratio", line_color=style.colour, line_dash=style.dashes, line_width=2),
            Segment(x0="workers", y0="low", x1="workers", y1="high", line_color=style.colour, line_width=1.5),
            *caps,
            Scatter(
                x="workers",
                y="ratio",
                marker=value(style.marker),
                size=9 if is_line else 11,
                fill_color=style.colour if is_line else PAPER.light,
                line_color=style.colour,
                line_width=1.5,
            ),
        )
    ]
