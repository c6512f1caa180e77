"""Good responses/s of each topology: every trial as a mark, hollow where the generator is doubted, above the mean of
those that count and its interval."""

from typing import Final

import numpy as np
from bokeh.core.properties import value
from bokeh.models import NumeralTickFormatter, Range1d, Scatter, Segment, Text
from bokeh.plotting import figure

from harness.analysis.metrics import THROUGHPUT
from harness.analysis.trials import Trial
from harness.record import Run
from harness.report.charts.style import MOST_MARKS, times_over, top_for
from harness.report.html.charts.style import (
    FONT,
    FONT_SIZE,
    GROUPED,
    Chart,
    Drawn,
    drawn_text,
    hovering,
    looks,
    rows_plot,
    source_of,
)
from harness.report.html.palette import INK
from harness.report.markdown import interval_text
from harness.report.summary import TopologySummary
from harness.stats.estimate import Estimate
from harness.units import ms_text, rate_text

APART: Final = 0.16  # between a topology's marks and its interval, in rows
SPREAD: Final = 0.08  # of the marks, so that those of equal trials are both seen


def draw(run: Run, summaries: list[TopologySummary]) -> Chart:
    """One row a topology."""
    every = [trial.good_per_s for summary in summaries for trial in summary.trials]
    top = top_for(every, [s.requests_per_s.high for s in summaries if s.requests_per_s])
    made = rows_plot(summaries, x_range=Range1d(start=0, end=top), x_axis_label="good responses/s")
    made.xaxis.formatter = NumeralTickFormatter(format=GROUPED)
    one_in = times_over(len(every), MOST_MARKS)
    trials = [_trials(made, row, summary, one_in) for row, summary in enumerate(summaries)]
    means = [
        _mean(made, row, summary.name, summary.requests_per_s)
        for row, summary in enumerate(summaries)
        if summary.requests_per_s
    ]
    hovering(made, trials, ["round", "good responses/s", "p50", "p99", "generator"])
    hovering(made, means, ["mean", "trials"])
    intervals = any(len(summary.trials) > 1 for summary in summaries)
    about = "A mark is one trial; below them the mean" + (" and its 95 % interval." if intervals else ".")
    if any(summary.doubted for summary in summaries):
        about += " A hollow one, whose generator was late, is in the mean only where all are."
    return Chart("Throughput", about + drawn_text(one_in), made)


def _trials(made: figure, row: int, summary: TopologySummary, one_in: int) -> Drawn:
    style, trials = looks(row), summary.trials[::one_in]
    offsets = np.linspace(-SPREAD, SPREAD, len(trials)).tolist() if len(trials) > 1 else [0.0]
    source = source_of(
        _told(trial) | {"y": row - APART + offset} for offset, trial in zip(offsets, trials, strict=True)
    )
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
    return made.add_glyph(source, glyph, name=summary.name)


def _told(trial: Trial) -> dict[str, object]:
    load = trial.load
    return {
        "x": trial.good_per_s,
        "fill": 0.55 if THROUGHPUT.is_sound(trial) else 0.0,
        "round": trial.block,
        "good responses/s": rate_text(trial.good_per_s),
        "p50": ms_text(load.latency_ms.p50) if load.latency_ms else "–",
        "p99": ms_text(load.latency_ms.p99) if load.latency_ms else "–",
        "generator": "kept up" if THROUGHPUT.is_sound(trial) else "was late: left out",
    }


def _mean(made: figure, row: int, name: str, mean: Estimate) -> Drawn:
    """The mark of the mean, which can be hovered over, its interval, and its value beside it."""
    colour = looks(row).colour
    low, high = (mean.value if end is None else end for end in (mean.low, mean.high))
    told = {"mean": interval_text(mean, 0 if mean.value >= 100 else 1), "trials": mean.n}
    ends = {"x": mean.value, "y": row + APART, "low": low, "high": high, "text": rate_text(mean.value)}
    source = source_of([told | ends])
    made.add_glyph(source, Segment(x0="low", y0="y", x1="high", y1="y", line_color=colour, line_width=2), name=name)
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
    made.add_glyph(source, text, name=name)
    mark = Scatter(
        x="x", y="y", marker=value("dash"), angle=np.pi / 2, size=16, line_color=colour, fill_color=None, line_width=3
    )
    return made.add_glyph(source, mark, name=name)
