"""Throughput and p99 latency second by second: each trial, and the median of the trials."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from harness.analysis.run import RunAnalysis
from harness.analysis.summary import TopologySummary
from harness.analysis.trials import MIN_ROW_S
from harness.load.result import Second
from harness.report.charts.style import LineStyle, line_style, thinning_factor

MAX_LINES: Final = 200  # of trials in a panel: more of them are a smear
MARKS_PER_LINE: Final = 10
TIME_LABEL: Final = "seconds into the measured window"


@dataclass(frozen=True)
class Curve:
    """One metric in the course of time: the middle of each row of a series (seconds), and its value.

    A gap, where nothing was completed, is NaN.
    """

    middles_s: list[float]
    values: list[float]

    @property
    def mark_every(self) -> int:
        """The number of rows from one mark to the next, so that there are about ten marks."""
        return max(1, len(self.values) // MARKS_PER_LINE)


@dataclass(frozen=True)
class TopologyCurves:
    """The curves of one topology: those of the trials that are drawn, and the median of all its trials."""

    topology: str
    style: LineStyle
    trials: tuple[Curve, ...]
    median: Curve


@dataclass(frozen=True)
class TimelinePanel:
    """One metric of every topology that was measured, with the label of its axis."""

    label: str
    topologies: tuple[TopologyCurves, ...]


@dataclass(frozen=True)
class TimelineData:
    """The throughput (requests/s) and the p99 latency (ms) in the course of time. One trial in ``one_in`` is drawn."""

    scenario: str
    rate: TimelinePanel
    p99: TimelinePanel
    one_in: int


def timeline_data(analysis: RunAnalysis) -> TimelineData:
    """Return the curves over the seconds of the measured window, of the topologies that were measured."""
    summaries = analysis.measured_summaries
    one_in = thinning_factor(sum(len(summary.trials) for summary in summaries), MAX_LINES)
    return TimelineData(
        scenario=analysis.run.scenario.name,
        rate=_panel("requests/s", summaries, lambda second: second.requests_per_s, one_in),
        p99=_panel("p99 latency, ms", summaries, lambda second: second.p99_ms, one_in),
        one_in=one_in,
    )


def _panel(
    label: str, summaries: list[TopologySummary], metric: Callable[[Second], float | None], one_in: int
) -> TimelinePanel:
    topologies = []
    for index, summary in enumerate(summaries):
        curves = [_curve(trial.load.series, metric) for trial in summary.trials]
        drawn = tuple(curves[::one_in])
        topologies.append(TopologyCurves(summary.name, line_style(index), drawn, _median_curve(curves)))
    return TimelinePanel(label, tuple(topologies))


def _median_curve(curves: Sequence[Curve]) -> Curve:
    """Return the median of the trials, row by row, as far as all of them have rows."""
    rows = min(len(curve.values) for curve in curves)
    if not rows:
        return Curve([], [])
    return Curve(
        np.median([curve.middles_s[:rows] for curve in curves], axis=0).tolist(),
        np.nanmedian([curve.values[:rows] for curve in curves], axis=0).tolist(),
    )


def _curve(series: list[Second], metric: Callable[[Second], float | None]) -> Curve:
    """Return the metric of each row of a series that is long enough to say something."""
    middles_s: list[float] = []
    values: list[float] = []
    begin_s = 0.0
    for second in series:
        if second.end_s - begin_s >= MIN_ROW_S:
            value = metric(second)
            middles_s.append((begin_s + second.end_s) / 2)
            values.append(float("nan") if value is None else value)
        begin_s = second.end_s
    return Curve(middles_s, values)
