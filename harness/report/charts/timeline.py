"""Throughput and p99 latency second by second: each trial faintly, the median of the trials on top."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from harness.analysis.trials import SHORTEST_S
from harness.load.result import Second
from harness.record import Run
from harness.report.charts.style import figure, look, name_lines, times_over, trials_text
from harness.report.summary import TopologySummary

MOST_LINES: Final = 200  # of trials in a panel: more of them are a smear

Curve = tuple[list[float], list[float]]  # the middle of each row (seconds), and its value


def draw(run: Run, summaries: list[TopologySummary]) -> Figure:
    """Two panels over the same seconds of the measured window."""
    one_in = times_over(sum(len(summary.trials) for summary in summaries), MOST_LINES)
    title = f"{run.scenario.name}: over time (faint: {trials_text(one_in)}, bold: median of the trials)"
    drawn = figure(title, height_in=5.5)
    above, below = drawn.subplots(2, 1, sharex=True)
    _panel(above, summaries, lambda second: second.requests_per_s, one_in)
    _panel(below, summaries, lambda second: second.p99_ms, one_in)
    above.set_ylabel("requests/s")
    below.set_ylabel("p99 latency, ms")
    below.set_xlabel("seconds into the measured window")
    below.set_xlim(left=0)
    name_lines(drawn, above)
    return drawn


def _panel(axes: Axes, summaries: list[TopologySummary], metric: Callable[[Second], float | None], one_in: int) -> None:
    for index, summary in enumerate(summaries):
        style = look(index)
        curves = [curve(trial.load.series, metric) for trial in summary.trials]
        lines = [np.column_stack(each) for each in curves[::one_in]]
        axes.add_collection(LineCollection(lines, colors=style.colour, alpha=0.25, linewidths=0.9))
        middles_s, values = median_curve(curves)
        if middles_s:
            axes.plot(
                middles_s,
                values,
                color=style.colour,
                linestyle=style.dashes,
                marker=style.marker,
                markersize=5,
                markevery=marked_every(len(values)),
                linewidth=2,
                label=summary.name,
            )
    axes.autoscale_view()
    axes.set_ylim(bottom=0)


def median_curve(curves: Sequence[Curve]) -> Curve:
    """Of the trials, row by row, as far as all of them have rows."""
    rows = min(len(values) for _, values in curves)
    if not rows:
        return [], []
    return (
        np.median([middles_s[:rows] for middles_s, _ in curves], axis=0).tolist(),
        np.nanmedian([values[:rows] for _, values in curves], axis=0).tolist(),
    )


def marked_every(rows: int) -> int:
    """So that a curve of so many rows has about ten marks."""
    return max(1, rows // 10)


def curve(series: list[Second], metric: Callable[[Second], float | None]) -> Curve:
    """The middle of each row and its value; a gap (NaN) where nothing was completed."""
    middles_s: list[float] = []
    values: list[float] = []
    begin_s = 0.0
    for second in series:
        if second.end_s - begin_s >= SHORTEST_S:
            value = metric(second)
            middles_s.append((begin_s + second.end_s) / 2)
            values.append(float("nan") if value is None else value)
        begin_s = second.end_s
    return middles_s, values
