"""Latency against the rate that was offered: every probe as a mark, faint where it broke an objective."""

from typing import Final

import numpy as np
from bokeh.core.properties import value
from bokeh.models import DataRange1d, Scatter
from bokeh.models.annotations import BoxAnnotation, Span
from bokeh.plotting import figure

from harness.analysis.capacity import Capacity, capacities
from harness.record import Run
from harness.report.capacity.chart import latency_at, percent_of
from harness.report.html.charts.style import Chart, Drawn, hovering, looks, plot, source_of
from harness.report.html.palette import MUTED
from harness.report.summary import TopologySummary
from harness.units import ms_text, rate_text

HEIGHT_PX: Final = 400
KEPT_ALPHA, BROKEN_ALPHA = 0.85, 0.25


def draw(run: Run, summaries: list[TopologySummary]) -> Chart:
    """The marks, the objectives, and of each topology the interval of what it carries."""
    objectives, shown = run.info.objectives, [summary.name for summary in summaries]
    percent = percent_of(objectives)
    made = plot(
        height=HEIGHT_PX,
        y_axis_type="log",
        x_range=DataRange1d(start=0),
        x_axis_label="requests/s offered",
        y_axis_label=f"p{percent:g}, ms",
    )
    found = {each.topology.name: each for each in capacities(run) if each.probes}
    marks = [
        _probes(made, index, name, told)
        for index, name in enumerate(shown)
        if name in found and (told := _told(found[name], percent))
    ]
    for index, name in enumerate(shown):
        if name in found:
            _interval(made, index, found[name])
    for limit_ms in [objective.limit_ms for objective in objectives if objective.limit_ms is not None]:
        made.add_layout(Span(location=limit_ms, dimension="width", line_color=MUTED.light, line_dash="dotted"))
    hovering(made, marks, ["offered", "latency", "objectives"])
    about = "A mark is one probe, faint where it broke an objective; a band the interval of what a topology carries."
    if any(objective.limit_ms is not None for objective in objectives):
        about += " Dotted: the objective."
    return Chart("Latency against the rate offered", about, made)


def _told(found: Capacity, percent: float) -> list[dict[str, object]]:
    return [
        {
            "x": probe.rate_per_s,
            "y": latency_ms,
            "alpha": KEPT_ALPHA if probe.is_kept else BROKEN_ALPHA,
            "offered": f"{rate_text(probe.rate_per_s)}/s",
            "latency": ms_text(latency_ms),
            "objectives": "kept" if probe.is_kept else "broken",
        }
        for probe in found.probes
        if (latency_ms := latency_at(probe, percent)) is not None
    ]


def _probes(made: figure, index: int, name: str, told: list[dict[str, object]]) -> Drawn:
    style = looks(index)
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
    return made.add_glyph(source_of(told), glyph, name=name)


def _interval(made: figure, index: int, found: Capacity) -> None:
    rate = found.rate
    if rate is None:
        return
    low, high = (np.float32(rate.value if end is None else end) for end in (rate.low, rate.high))
    colour = looks(index).colour
    band = BoxAnnotation(left=float(low), right=float(high), fill_color=colour, fill_alpha=0.15, line_color=colour)
    band.name = found.topology.name
    made.add_layout(band)
