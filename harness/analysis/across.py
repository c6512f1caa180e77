"""One metric of one topology in two runs, which share no rounds."""

from collections.abc import Sequence
from dataclasses import replace

from harness.analysis.measured import Measured
from harness.analysis.metrics import Metric
from harness.stats.unpaired import Unpaired, judge_unpaired


def figures_of(trials: Sequence[Measured], metric: Metric) -> tuple[float, ...]:
    """One a trial, of those that support verdicts; a figure of zero has no ratio and is none."""
    return tuple(figure for trial in trials if trial.supports_verdicts and (figure := metric.of(trial)))


def compare_across(before: Sequence[float], after: Sequence[float], metric: Metric, margin: float) -> Unpaired:
    """The verdict on ``after``, and how many times the figure of ``before`` its own is (at least one trial each)."""
    if metric.more_is_better:
        return judge_unpaired(before, after, margin)
    found = judge_unpaired(after, before, margin)
    return replace(found, ratio=found.ratio.inverse())
