"""Good responses/s of each topology: every trial as a mark, hollow where the generator is doubted, above the mean of
those that count and its interval."""

from typing import Final

import numpy as np
from bokeh.core.properties import value
from bokeh.models import NumeralTickFormatter, Range1d, Scatter, Segment, Text
from bokeh.plotting import figure

from harness.analysis.run import RunAnalysis
from harness.report.charts.throughput import OFFSET, UNIT, TopologyThroughput, TrialMark, throughput_data
from harness.report.figures import interval_text
from harness.report.html.charts.style import (
    FONT,
    FONT_SIZE,
    GROUPED,
    Chart,
    Renderer,
    add_hover,
    glyph_style,
    make_rows_plot,
    source_of,
    thinning_text,
)
from harness.report.html.palette import INK
from harness.stats.estimate import Estimate
from harness.units import ms_text, rate_text

SPREAD: Final = 0.08  # of the marks, so that those of equal trials are both seen


def draw(analysis: RunAnalysis) -> Chart:
    """Return a chart with one row a topology."""
    data = throughput_data(analysis)
    names = [each.topology for each in data.topologies]
    plot = make_rows_plot(names, x_range=Range1d(start=0, end=data.axis_end), x_axis_label=UNIT)
    plot.xaxis.formatter = NumeralTickFormatter(format=GROUPED)
    trials = [_draw_trials(plot, row, each) for row, each in enumerate(data.topologies)]
    means = [_draw_mean(plot, row, each, each.mean) for row, each in enumerate(data.topologies) if each.mean]
    add_hover(plot, trials, ["round", "good responses/s", "p50", "p99", "generator"])
    add_hover(plot, means, ["mean", "trials"])
    about = "A mark is one trial; below them the mean" + (" and its 95 % interval." if data.has_intervals else ".")
    if data.has_doubted:
        about += " A hollow one, whose generator was late, is in the mean only where all are."
    return Chart("Throughput", about + thinning_text(data.one_in), plot)


def _draw_trials(plot: figure, row: int, topology: TopologyThroughput) -> Renderer:
    style = glyph_style(topology.style)
    source = source_of(_columns(mark) | {"y": row - OFFSET + SPREAD * mark.shift} for mark in topology.marks)
    glyph = Scatter(
        x="x",
        y="y",
        marker=value(style.marker),
        size=7,
        fill_color=style.colour,
        line_color=style.colour,
        fill_alpha="fill",
        line_alpha=0.55,
    )
    return plot.add_glyph(source, glyph, name=topology.topology)


def _columns(mark: TrialMark) -> dict[str, object]:
    """Return what is drawn of a trial, and what hovering shows."""
    trial, latency_ms = mark.trial, mark.trial.load.latency_ms
    return {
        "x": trial.good_per_s,
        "fill": 0.55 if mark.is_sound else 0.0,
        "round": trial.block,
        "good responses/s": rate_text(trial.good_per_s),
        "p50": ms_text(latency_ms.p50) if latency_ms else "–",
        "p99": ms_text(latency_ms.p99) if latency_ms else "–",
        "generator": "kept up" if mark.is_sound else "was late: left out",
    }


def _draw_mean(plot: figure, row: int, topology: TopologyThroughput, mean: Estimate) -> Renderer:
    """Draw the mean's mark, its interval, and its value beside it; return the mark, which can be hovered over."""
    name, colour = topology.topology, topology.style.colour
    low, high = (mean.value if end is None else end for end in (mean.low, mean.high))
    shown = {"mean": interval_text(mean, 0 if mean.value >= 100 else 1), "trials": mean.n}
    ends = {"x": mean.value, "y": row + OFFSET, "low": low, "high": high, "text": rate_text(mean.value)}
    source = source_of([shown | ends])
    plot.add_glyph(source, Segment(x0="low", y0="y", x1="high", y1="y", line_color=colour, line_width=2), name=name)
    text = Text(
        x="high",
        y="y",
        text="text",
        x_offset=8,
        text_baseline="middle",
        text_color=INK.light,
        text_font=value(FONT),
        text_font_size=value(FONT_SIZE),
    )
    plot.add_glyph(source, text, name=name)
    mark = Scatter(
        x="x", y="y", marker=value("dash"), angle=np.pi / 2, size=16, line_color=colour, fill_color=None, line_width=3
    )
    return plot.add_glyph(source, mark, name=name)
