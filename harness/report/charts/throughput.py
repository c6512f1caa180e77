"""Good responses/s of each topology: every trial, beside the mean of those that count and its interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from harness.analysis.metrics import THROUGHPUT
from harness.analysis.run import RunAnalysis
from harness.analysis.trials import Trial
from harness.report.charts.style import MAX_MARKS, LineStyle, axis_end, line_style, thinning_factor
from harness.stats.estimate import Estimate

UNIT: Final = "good responses/s"
OFFSET: Final = 0.16  # of the trials to one side of a topology's middle, and of the mean to the other, in columns


@dataclass(frozen=True)
class TrialMark:
    """One trial as a mark.

    ``is_sound`` is False where the generator is doubted. ``shift`` is from -1 to 1: it sets the marks of a topology
    apart, so that those of equal trials are all seen.
    """

    trial: Trial
    is_sound: bool
    shift: float


@dataclass(frozen=True)
class TopologyThroughput:
    """The marks of one topology, and the mean over its trials; None where there is no figure."""

    topology: str
    style: LineStyle
    marks: tuple[TrialMark, ...]
    mean: Estimate | None


@dataclass(frozen=True)
class ThroughputData:
    """The throughput of every topology that was measured.

    One trial in ``one_in`` has a mark. The axis of the rates goes from 0 to ``axis_end``.
    """

    scenario: str
    topologies: tuple[TopologyThroughput, ...]
    one_in: int
    axis_end: float
    has_intervals: bool
    has_doubted: bool


def throughput_data(analysis: RunAnalysis) -> ThroughputData:
    """Return the marks and the means of the topologies that were measured."""
    summaries = analysis.measured_summaries
    rates = [trial.good_per_s for summary in summaries for trial in summary.trials]
    means = [summary.requests_per_s for summary in summaries]
    one_in = thinning_factor(len(rates), MAX_MARKS)
    return ThroughputData(
        scenario=analysis.run.scenario.name,
        topologies=tuple(
            TopologyThroughput(summary.name, line_style(index), _marks(summary.trials[::one_in]), mean)
            for index, (summary, mean) in enumerate(zip(summaries, means, strict=True))
        ),
        one_in=one_in,
        axis_end=axis_end(rates, [mean.high for mean in means if mean]),
        has_intervals=any(len(summary.trials) > 1 for summary in summaries),
        has_doubted=any(summary.doubted_trials for summary in summaries),
    )


def _marks(trials: Sequence[Trial]) -> tuple[TrialMark, ...]:
    shifts = np.linspace(-1, 1, len(trials)).tolist() if len(trials) > 1 else [0.0]
    return tuple(
        TrialMark(trial, THROUGHPUT.is_sound(trial), shift) for trial, shift in zip(trials, shifts, strict=True)
    )
