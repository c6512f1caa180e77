"""Throughput and p99 latency in the course of time: each trial faintly, their median or the first slices in bold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isnan
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from bokeh.core.properties import value
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, DataRange1d, Line, NumeralTickFormatter, Scatter
from bokeh.plotting import figure

from harness.analysis.run import RunAnalysis
from harness.report.charts.style import thinning_factor
from harness.report.charts.timeline import (
    Curve,
    TimelineData,
    TimelinePanel,
    TopologyCurves,
    timeline_data,
)
from harness.report.html.charts.style import GROUPED, Chart, Renderer, add_hover, glyph_style, make_plot
from harness.units import ms_text, rate_text

HEIGHT_PX: Final = 210
LEFT_PX: Final = 68  # so that both panels begin at the same place
MAX_POINTS: Final = 4000  # of the trials together: beyond them the page would weigh more than it shows


@dataclass(frozen=True)
class Tooltip:
    """The text that hovering over a panel shows, and the way to pool seconds where there are too many points."""

    title: str
    text: Callable[[float], str]
    pool_by: str


RATE: Final = Tooltip("requests/s", rate_text, "mean")
P99: Final = Tooltip("p99", ms_text, "max")


def draw(analysis: RunAnalysis) -> Chart:
    """Return a chart with two panels over the same seconds, which are zoomed together."""
    data = timeline_data(analysis)
    seconds, pool_s = DataRange1d(start=0), _pool_s(data)
    above, below = (
        _draw_panel(panel, tooltip, seconds, pool_s) for panel, tooltip in ((data.rate, RATE), (data.p99, P99))
    )
    above.xaxis.visible = False
    below.xaxis.axis_label = data.time_label
    faint = "each trial" if data.one_in == 1 else f"one trial in {data.one_in:,}"
    about = f"Faint: {faint}; bold: {data.bold}."
    if pool_s > 1:
        about += f" A point stands for up to {pool_s:,} s: their mean rate, their worst p99."
    return Chart("Over time", about, column(above, below, sizing_mode="stretch_width"))


def _pool_s(data: TimelineData) -> int:
    """Return how many seconds a point has to stand for, so that the page stays small."""
    if data.has_slices:  # whose gaps would be lost
        return 1
    points = sum(len(curve.values) for topology in data.rate.topologies for curve in topology.trials)
    return thinning_factor(points, MAX_POINTS)


def _draw_panel(panel: TimelinePanel, tooltip: Tooltip, seconds: DataRange1d, pool_s: int) -> figure:
    values = DataRange1d(start=0, only_visible=True)
    plot = make_plot(
        height=HEIGHT_PX, x_range=seconds, y_range=values, y_axis_label=panel.label, min_border_left=LEFT_PX
    )
    plot.yaxis.formatter = NumeralTickFormatter(format=GROUPED)
    for topology in panel.topologies:
        _draw_trials(plot, topology, tooltip, pool_s)
    bold = [_draw_bold(plot, topology, tooltip, pool_s) for topology in panel.topologies]
    add_hover(plot, bold, ["second", tooltip.title])
    return plot


def _draw_trials(plot: figure, topology: TopologyCurves, tooltip: Tooltip, pool_s: int) -> None:
    """Draw all of them as one line, with gaps between them."""
    curves = [_pool(curve, pool_s, tooltip.pool_by) for curve in topology.trials]
    x, y = _join([curve.times_s for curve in curves]), _join([curve.values for curve in curves])
    faint = Line(x="x", y="y", line_color=topology.style.colour, line_alpha=0.25, line_width=1)
    plot.add_glyph(ColumnDataSource({"x": x, "y": y}), faint, name=topology.topology)


def _draw_bold(plot: figure, topology: TopologyCurves, tooltip: Tooltip, pool_s: int) -> Renderer:
    """Draw a line, marked here and there; return the line, which can be hovered over."""
    style, curve = glyph_style(topology.style), _pool(topology.bold, pool_s, tooltip.pool_by)
    every = curve.mark_every
    marked = ColumnDataSource({"x": curve.times_s[::every], "y": curve.values[::every]})
    mark = Scatter(x="x", y="y", marker=value(style.marker), size=7, fill_color=style.colour, line_color=style.colour)
    plot.add_glyph(marked, mark, name=topology.topology)
    points: dict[str, Any] = {
        "x": np.array(curve.times_s, dtype=np.float32),
        "y": np.array(curve.values, dtype=np.float32),
        "second": [f"{time_s:.1f}" for time_s in curve.times_s],
        tooltip.title: ["–" if isnan(each) else tooltip.text(each) for each in curve.values],
    }
    line = Line(x="x", y="y", line_color=style.colour, line_dash=style.dashes, line_width=2)
    return plot.add_glyph(ColumnDataSource(points), line, name=topology.topology)


def _pool(curve: Curve, seconds: int, how: str) -> Curve:
    if seconds == 1:
        return curve
    rows = pd.DataFrame({"time_s": curve.times_s, "value": curve.values})
    pooled = rows.groupby(np.arange(len(rows)) // seconds).agg({"time_s": "mean", "value": how})
    return Curve(pooled["time_s"].tolist(), pooled["value"].tolist())


def _join(parts: Sequence[list[float]]) -> npt.NDArray[np.float32]:
    return np.array(list(chain.from_iterable([*part, np.nan] for part in parts)), dtype=np.float32)
