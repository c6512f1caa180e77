"""A run as rows: one figure of one topology, beside that of what it is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis.comparison import Comparison, Comparisons, mean_of
from harness.analysis.metrics import Metric, Scale, metrics_of, metrics_of_requests
from harness.analysis.trials import Trial, Trials
from harness.record import Run
from harness.scenario import Topology
from harness.stats.estimate import Estimate
from harness.stats.verdict import Verdict


@dataclass(frozen=True)
class MetricComparison:
    """A topology's figure ``after`` beside its baseline's figure ``before``, both in the metric's unit. ``change`` is
    the ratio of the two or, of a metric that is compared by differences, ``after`` less ``before``.

    All three come from the same rounds, so that the change applied to ``before`` gives ``after``. None stands for what
    was not measured. ``after`` ``is_least`` where a trial has only the least that its figure may be. The baseline has
    rows of its own over all its trials, with ``baseline`` None.
    """

    topology: str
    baseline: str | None
    metric: Metric
    before: Estimate | None
    after: Estimate | None
    change: Estimate | None = None
    verdict: Verdict | None = None
    comparison: Comparison | None = None
    is_least: bool = False

    @property
    def ratio(self) -> Estimate | None:
        """The change, where it is a ratio."""
        return self.change if self.metric.scale is Scale.RATIO else None

    @property
    def difference(self) -> Estimate | None:
        """The change, where it is a difference."""
        return None if self.metric.scale is Scale.RATIO else self.change

    @property
    def word(self) -> str:
        """The verdict in the metric's own word; empty where there is none."""
        return self.metric.word(self.verdict) if self.verdict else ""


def rows_of(run: Run, trials: Trials, comparisons: Comparisons) -> list[MetricComparison]:
    """Return every judged figure of every topology of a run, pair by pair; of two commits, the head's beside the
    base's."""
    return _rows(run, trials, comparisons, metrics_of(run.scenario))


def request_rows_of(run: Run, trials: Trials) -> list[MetricComparison]:
    """Return the figures of each request of a mix that no gate limits."""
    return _rows(run, trials, {}, metrics_of_requests(run.scenario))


def _rows(run: Run, trials: Trials, comparisons: Comparisons, metrics: Sequence[Metric]) -> list[MetricComparison]:
    rows = [
        MetricComparison(
            baseline.title,
            None,
            each,
            None,
            mean_figure(trials[baseline.name], each),
            is_least=any(map(each.is_least, trials[baseline.name])),
        )
        for baseline in run.scenario.topologies
        if baseline.baseline and not baseline.side
        for each in metrics
    ]
    for before, after in run.scenario.pairs:
        for metric in metrics:
            rows.append(_row(trials, before, after, metric, comparisons.get((after.name, metric.name))))
    return rows + [
        MetricComparison(each.name, run.scenario.reference, metric, None, None)
        for each in run.info.skipped
        for metric in metrics
    ]


def mean_figure(trials: Sequence[Trial], metric: Metric) -> Estimate | None:
    """Return the metric's mean over the trials of which it is sound; None where there is none."""
    values = [value for trial in trials if metric.is_sound(trial) and (value := metric.of(trial)) is not None]
    return mean_of(metric, values) if values else None


def _row(
    trials: Trials, before: Topology, after: Topology, metric: Metric, comparison: Comparison | None
) -> MetricComparison:
    baseline = "base" if before.side else before.name
    is_least = any(map(metric.is_least, trials[after.name]))
    if comparison is None:
        was, now = (mean_figure(trials[each.name], metric) for each in (before, after))
        return MetricComparison(after.title, baseline, metric, was, now, is_least=is_least)
    pairs = comparison.pairs
    return MetricComparison(
        topology=after.title,
        baseline=baseline,
        metric=metric,
        before=pairs.figure_before,
        after=pairs.figure_after,
        change=pairs.change,
        verdict=comparison.verdict,
        comparison=comparison,
        is_least=is_least,
    )
