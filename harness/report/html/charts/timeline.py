"""Throughput and p99 latency second by second: each trial faintly, the median of the trials on top."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isnan
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from bokeh.core.properties import value
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, DataRange1d, Line, NumeralTickFormatter, Scatter
from bokeh.plotting import figure

from harness.load.result import Second
from harness.record import Run
from harness.report.charts.style import times_over
from harness.report.charts.timeline import MOST_LINES, Curve, curve, marked_every, median_curve
from harness.report.html.charts.style import GROUPED, Chart, Drawn, hovering, looks, plot
from harness.report.summary import TopologySummary
from harness.units import ms_text, rate_text

HEIGHT_PX: Final = 210
LEFT_PX: Final = 68  # so that both panels begin at the same place
MOST_POINTS: Final = 4000  # of them together: beyond them the page would weigh more than it tells


@dataclass(frozen=True)
class Panel:
    """What a panel shows, and how several seconds come to one where there are too many points."""

    title: str
    unit: str
    of: Callable[[Second], float | None]
    text: Callable[[float], str]
    pooled_by: str


RATE: Final = Panel("requests/s", "requests/s", lambda second: second.requests_per_s, rate_text, "mean")
P99: Final = Panel("p99", "p99 latency, ms", lambda second: second.p99_ms, ms_text, "max")


@dataclass(frozen=True)
class Thinning:
    """What keeps the page small: one trial in so many is drawn, and a point stands for so many seconds."""

    one_in: int
    pool_s: int

    @classmethod
    def of(cls, summaries: list[TopologySummary]) -> Self:
        """The least that is needed."""
        one_in = times_over(sum(len(summary.trials) for summary in summaries), MOST_LINES)
        drawn = [trial for summary in summaries for trial in summary.trials[::one_in]]
        return cls(one_in, times_over(sum(len(trial.load.series) for trial in drawn), MOST_POINTS))


def draw(run: Run, summaries: list[TopologySummary]) -> Chart:
    """Two panels over the same seconds of the measured window, which are zoomed together."""
    seconds, thinning = DataRange1d(start=0), Thinning.of(summaries)
    above, below = (_panel(summaries, metric, seconds, thinning) for metric in (RATE, P99))
    above.xaxis.visible = False
    below.xaxis.axis_label = "seconds into the measured window"
    about = "Faint: each trial; bold: the median of the trials."
    if thinning.one_in > 1:
        about = f"Faint: one trial in {thinning.one_in:,}; bold: the median of all trials."
    if thinning.pool_s > 1:
        about += f" A point stands for up to {thinning.pool_s:,} s: their mean rate, their worst p99."
    return Chart("Over time", about, column(above, below, sizing_mode="stretch_width"))


def _panel(summaries: list[TopologySummary], metric: Panel, seconds: DataRange1d, thinning: Thinning) -> figure:
    values = DataRange1d(start=0, only_visible=True)
    made = plot(height=HEIGHT_PX, x_range=seconds, y_range=values, y_axis_label=metric.unit, min_border_left=LEFT_PX)
    made.yaxis.formatter = NumeralTickFormatter(format=GROUPED)
    for index, summary in enumerate(summaries):
        _trials(made, index, summary, metric, thinning)
    medians = [_median(made, index, summary, metric, thinning.pool_s) for index, summary in enumerate(summaries)]
    hovering(made, medians, ["second", metric.title])
    return made


def _trials(made: figure, index: int, summary: TopologySummary, metric: Panel, thinning: Thinning) -> None:
    """All of them as one line, with gaps between them."""
    curves = [
        _pooled(curve(trial.load.series, metric.of), thinning.pool_s, metric.pooled_by)
        for trial in summary.trials[:: thinning.one_in]
    ]
    x, y = (_joined(part) for part in zip(*curves, strict=True))
    faint = Line(x="x", y="y", line_color=looks(index).colour, line_alpha=0.25, line_width=1)
    made.add_glyph(ColumnDataSource({"x": x, "y": y}), faint, name=summary.name)


def _median(made: figure, index: int, summary: TopologySummary, metric: Panel, pool_s: int) -> Drawn:
    """A line, marked here and there; returns what can be hovered over."""
    style = looks(index)
    middles_s, values = _pooled(
        median_curve([curve(trial.load.series, metric.of) for trial in summary.trials]), pool_s, metric.pooled_by
    )
    every = marked_every(len(values))
    marked = ColumnDataSource({"x": middles_s[::every], "y": values[::every]})
    mark = Scatter(x="x", y="y", marker=value(style.marker), size=7, fill_color=style.colour, line_color=style.colour)
    made.add_glyph(marked, mark, name=summary.name)
    told: dict[str, Any] = {
        "x": np.array(middles_s, dtype=np.float32),
        "y": np.array(values, dtype=np.float32),
        "second": [f"{middle_s:.1f}" for middle_s in middles_s],
        metric.title: ["–" if isnan(each) else metric.text(each) for each in values],
    }
    line = Line(x="x", y="y", line_color=style.colour, line_dash=style.dashes, line_width=2)
    return made.add_glyph(ColumnDataSource(told), line, name=summary.name)


def _pooled(found: Curve, seconds: int, how: str) -> Curve:
    if seconds == 1:
        return found
    rows = pd.DataFrame({"middle_s": found[0], "value": found[1]})
    pooled = rows.groupby(np.arange(len(rows)) // seconds).agg({"middle_s": "mean", "value": how})
    return pooled["middle_s"].tolist(), pooled["value"].tolist()


def _joined(parts: Sequence[list[float]]) -> npt.NDArray[np.float32]:
    return np.array(list(chain.from_iterable([*part, np.nan] for part in parts)), dtype=np.float32)
