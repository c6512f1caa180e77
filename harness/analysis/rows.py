"""A run as rows: one figure of one topology, beside that of what it is compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.comparison import Comparison, Comparisons, paired
from harness.analysis.measured import Measured, Trials
from harness.analysis.metrics import ERRORS, MEMORY, Metric, metrics_of
from harness.record import Run
from harness.scenario import ScenarioLoad, Topology
from harness.stats.estimate import Estimate, mean_over_trials, ratio_of, share_over_trials
from harness.stats.verdict import Verdict


@dataclass(frozen=True)
class Row:
    """``after`` is the topology's figure, ``before`` its baseline's, both in the metric's unit; ``ratio`` is the one
    over the other. None is what was not measured, and ``verdict`` also what is told and not judged. A baseline has a
    row of its own, without another (``baseline`` None)."""

    topology: str
    baseline: str | None
    metric: Metric
    before: Estimate | None
    after: Estimate | None
    ratio: Estimate | None = None
    verdict: Verdict | None = None
    comparison: Comparison | None = None

    @property
    def word(self) -> str:
        """The verdict in the metric's own word; empty where there is none."""
        return self.metric.word(self.verdict) if self.verdict else ""


def shown_metrics(load: ScenarioLoad) -> tuple[Metric, ...]:
    """Those that are judged, the one that decides first, and then those that are told."""
    return (*metrics_of(load), MEMORY, ERRORS)


def rows_of(run: Run, all_trials: Trials, comparisons: Comparisons) -> list[Row]:
    """Every figure of every topology of a run, pair by pair; of two commits, the head's beside the base's."""
    sound = {name: [trial for trial in trials if trial.supports_verdicts] for name, trials in all_trials.items()}
    metrics, rows = shown_metrics(run.scenario.load), list[Row]()
    if not run.scenario.is_of_two_commits:
        baseline = run.scenario.baseline
        rows += [Row(baseline.title, None, each, None, figure(sound[baseline.name], each)) for each in metrics]
    for before, after in run.scenario.pairs:
        for metric in metrics:
            rows.append(_row(sound, before, after, metric, comparisons.get((after.name, metric.name))))
    against = "base" if run.scenario.is_of_two_commits else run.scenario.baseline.name
    return rows + [Row(each.name, against, metric, None, None) for each in run.info.skipped for metric in metrics]


def figure(trials: Sequence[Measured], metric: Metric) -> Estimate | None:
    """The metric over the trials; None where they do not have it."""
    values = [value for trial in trials if (value := metric.of(trial)) is not None]
    if not values:
        return None
    return share_over_trials(values) if metric is ERRORS else mean_over_trials(values)


def _row(
    sound: Mapping[str, Sequence[Measured]],
    before: Topology,
    after: Topology,
    metric: Metric,
    comparison: Comparison | None,
) -> Row:
    trials = sound[before.name], sound[after.name]
    return Row(
        topology=after.title,
        baseline="base" if before.side else before.name,
        metric=metric,
        before=figure(trials[0], metric),
        after=figure(trials[1], metric),
        ratio=comparison.ratio if comparison else _ratio(*trials, metric),
        verdict=comparison.verdict if comparison else None,
        comparison=comparison,
    )


def _ratio(before: Sequence[Measured], after: Sequence[Measured], metric: Metric) -> Estimate | None:
    """Of what is told and not judged."""
    pairs = paired(before, after, metric, are_alike=False)
    if pairs is None:
        return None
    return ratio_of(pairs) if metric.more_is_better else ratio_of(pairs).inverse()
