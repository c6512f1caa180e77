"""Latency by percentile, all trials of a topology together, where each step to the right is ten times rarer."""

from typing import Final

import numpy as np
import numpy.typing as npt
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, FixedTicker, Range1d, Scatter, Step
from bokeh.models.annotations import Span
from bokeh.plotting import figure

from harness.load.latency import LatencyHistogram
from harness.record import Run
from harness.report.charts.percentiles import DECADE, PercentileLine, percentile_line, percentile_ticks, rarity_of
from harness.report.html.charts.style import Chart, Drawn, hovering, looks, plot, source_of
from harness.report.html.palette import MUTED
from harness.report.summary import TopologySummary
from harness.units import ms_text

HEIGHT_PX: Final = 400
STEPS: Final = (1, 2, 5)  # that are labelled in each decade of a logarithmic axis
POINTS_A_DECADE: Final = 100  # more of them would stand closer than the dots of a screen


def draw(run: Run, summaries: list[TopologySummary]) -> Chart:
    """A step line a topology, as far as it has requests for."""
    found = {summary.name: summary.latencies for summary in summaries}
    lines = {name: percentile_line(latencies) for name, latencies in found.items() if latencies.total}
    most = max([1, *(latencies.total for latencies in found.values())])
    lowest = min((float(line.latency_ms.min()) for line in lines.values()), default=1.0)
    highest = max((float(line.latency_ms.max()) for line in lines.values()), default=1.0)
    is_wide = highest >= DECADE * lowest  # on less than a decade a logarithmic axis would have one label, if any
    made = plot(
        height=HEIGHT_PX,
        x_axis_type="log",
        y_axis_type="log" if is_wide else "linear",
        x_range=Range1d(start=1, end=max(2, most) * 1.1),
        y_range=Range1d(start=lowest / 1.2, end=highest * 1.2) if is_wide else Range1d(start=0, end=highest * 1.1),
        x_axis_label="percentile of requests",
        y_axis_label="latency, ms",
    )
    ticks = percentile_ticks(most)
    made.xaxis.ticker = FixedTicker(ticks=[rarity_of(percent) for percent in ticks])
    made.xaxis.major_label_overrides = {rarity_of(percent): f"{percent:g} %" for percent in ticks}
    if is_wide:
        made.yaxis.ticker = FixedTicker(ticks=_decades(lowest, highest))
    marks = [
        _line(made, index, summary.name, lines[summary.name], found[summary.name])
        for index, summary in enumerate(summaries)
        if summary.name in lines
    ]
    hovering(made, marks, ["percentile", "latency"])
    about = "All trials together; each line ends at the slowest request."
    if any(summary.errors.timeout for summary in summaries):
        timeout_ms = run.scenario.load.timeout_s * 1000
        made.add_layout(Span(location=timeout_ms, dimension="width", line_color=MUTED.light, line_dash="dotted"))
        about += f" Dotted: the timeout of {ms_text(timeout_ms)}; what is cut off there took at least so long."
    return Chart("Latency by percentile", about, made)


def _line(made: figure, index: int, name: str, line: PercentileLine, latencies: LatencyHistogram) -> Drawn:
    style = looks(index)
    kept = _apart(line)
    drawn = ColumnDataSource(
        {"rarity": line.rarity[kept].astype(np.float32), "ms": line.latency_ms[kept].astype(np.float32)}
    )
    step = Step(x="rarity", y="ms", mode="after", line_color=style.colour, line_dash=style.dashes, line_width=1.8)
    made.add_glyph(drawn, step, name=name)
    percents = [f"{percent:g} %" for percent in percentile_ticks(latencies.total)]
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
    return made.add_glyph(marked, mark, name=name)


def _decades(low: float, high: float) -> list[float]:
    exponents = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    return [step * 10.0**exponent for exponent in exponents for step in STEPS]


def _apart(line: PercentileLine) -> npt.NDArray[np.int64]:
    """Of points that stand too close together to be told apart the last, which is the slowest."""
    places = np.round(np.log10(line.rarity) * POINTS_A_DECADE)
    _, first_from_end = np.unique(places[::-1], return_index=True)
    return np.sort(len(places) - 1 - first_from_end)
