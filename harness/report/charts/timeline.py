"""Throughput and p99 latency in the course of time: of whole trials second by second, each of them and their median; of
slices one by one, each where it lay in its round."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from harness.analysis.run import RunAnalysis
from harness.analysis.summary import TopologySummary
from harness.analysis.trials import Trial, without_short_rest
from harness.load.result import Second
from harness.report.charts.style import LineStyle, line_style, thinning_factor
from harness.units import duration_text

MAX_LINES: Final = 200  # of trials in a panel: more of them are a smear
MARKS_PER_LINE: Final = 10
POINTS_PER_SLICE: Final = 3  # its begin, its end, and a gap
GAP: Final = float("nan")

RowMetric = Callable[[Second], float | None]


@dataclass(frozen=True)
class Curve:
    """One metric in the course of time (seconds): a point in the middle of each row of a series or, of slices, one at
    the begin and one at the end of each, and a gap.

    A gap, also where nothing was completed, is NaN. A mark is set at one point in ``mark_every``.
    """

    times_s: list[float]
    values: list[float]
    mark_every: int = 1


@dataclass(frozen=True)
class TopologyCurves:
    """The curves of one topology: those of the trials that are drawn and, in bold, the median of all its trials or, of
    slices, the first trial."""

    topology: str
    style: LineStyle
    trials: tuple[Curve, ...]
    bold: Curve


@dataclass(frozen=True)
class TimelinePanel:
    """One metric of every topology that was measured, with the label of its axis."""

    label: str
    topologies: tuple[TopologyCurves, ...]


@dataclass(frozen=True)
class TimelineData:
    """The throughput (requests/s) and the p99 latency (ms) in the course of time, of one trial in ``one_in``. With
    ``has_slices`` the time is that of the round, otherwise that of the measured window. Slices overlap where topologies
    took turns of ``turn_s`` (seconds)."""

    scenario: str
    rate: TimelinePanel
    p99: TimelinePanel
    one_in: int
    has_slices: bool
    turn_s: float | None = None

    @property
    def time_label(self) -> str:
        """The label of the axis of time."""
        if not self.has_slices:
            return "seconds into the measured window"
        turns = f", in turns of {duration_text(self.turn_s)}" if self.turn_s else ""
        return f"seconds into the round{turns}"

    @property
    def bold(self) -> str:
        """The name of that which is drawn in bold."""
        return "the slices of the first round" if self.has_slices else "the median of the trials"


def timeline_data(analysis: RunAnalysis) -> TimelineData:
    """Return the curves of the topologies that were measured: of the trials in slices, if there are any."""
    summaries = analysis.measured_summaries
    one_in = thinning_factor(sum(len(summary.trials) for summary in summaries), MAX_LINES)
    has_slices = any(trial.slices for summary in summaries for trial in summary.trials)
    draw = _sliced_curves if has_slices else _whole_curves
    return TimelineData(
        scenario=analysis.run.scenario.name,
        rate=_panel("requests/s", summaries, partial(draw, lambda second: second.requests_per_s, one_in)),
        p99=_panel("p99 latency, ms", summaries, partial(draw, lambda second: second.p99_ms, one_in)),
        one_in=one_in,
        has_slices=has_slices,
        turn_s=analysis.run.info.interleaving.turn_s,
    )


def _panel(
    label: str, summaries: list[TopologySummary], draw: Callable[[str, LineStyle, Sequence[Trial]], TopologyCurves]
) -> TimelinePanel:
    curves = (draw(summary.name, line_style(index), summary.trials) for index, summary in enumerate(summaries))
    return TimelinePanel(label, tuple(curves))


def _whole_curves(
    metric: RowMetric, one_in: int, topology: str, style: LineStyle, trials: Sequence[Trial]
) -> TopologyCurves:
    curves = [_curve(trial.load.series, metric) for trial in trials]
    return TopologyCurves(topology, style, tuple(curves[::one_in]), _median_curve(curves))


def _sliced_curves(
    metric: RowMetric, one_in: int, topology: str, style: LineStyle, trials: Sequence[Trial]
) -> TopologyCurves:
    curves = [_slice_curve(trial, metric) for trial in trials if trial.slices]
    return TopologyCurves(topology, style, tuple(curves[::one_in]), curves[0] if curves else Curve([], []))


def _slice_curve(trial: Trial, metric: RowMetric) -> Curve:
    """Return a level for each slice, as long as it was measured, with gaps in which the others had the load. Slices
    that were measured in turns lie at the same time."""
    times_s: list[float] = []
    values: list[float] = []
    for part, row in zip(trial.slices, trial.load.series, strict=False):
        begin_s, value = part.begin_s + (0.0 if part.in_turns_s else part.lead_in_s), metric(row)
        times_s += [begin_s, begin_s + (part.in_turns_s or part.duration_s), GAP]
        values += [GAP if value is None else value] * 2 + [GAP]
    return Curve(times_s, values, mark_every=POINTS_PER_SLICE)


def _median_curve(curves: Sequence[Curve]) -> Curve:
    """Return the median of the trials, row by row, as far as all of them have rows."""
    rows = min(len(curve.values) for curve in curves)
    if not rows:
        return Curve([], [])
    return Curve(
        np.median([curve.times_s[:rows] for curve in curves], axis=0).tolist(),
        np.nanmedian([curve.values[:rows] for curve in curves], axis=0).tolist(),
        mark_every=max(1, rows // MARKS_PER_LINE),
    )


def _curve(series: Sequence[Second], metric: RowMetric) -> Curve:
    """Return the metric of each row of a series."""
    middles_s: list[float] = []
    values: list[float] = []
    begin_s = 0.0
    for second in without_short_rest(series):
        value = metric(second)
        middles_s.append((begin_s + second.end_s) / 2)
        values.append(GAP if value is None else value)
        begin_s = second.end_s
    return Curve(middles_s, values)
