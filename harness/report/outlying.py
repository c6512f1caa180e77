"""Findings on rounds that decide by themselves how wide an interval is."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from harness.analysis.metrics import decisive_metrics, metrics_of
from harness.analysis.outlying import OutlyingRound, find_outlying_rounds
from harness.analysis.run import RunAnalysis
from harness.report.figures import change_text, metric_text
from harness.report.finding import Finding
from harness.report.markup import plain


def find_outlying_launches(analysis: RunAnalysis) -> Iterator[Finding]:
    """Yield the launches that were so unlike all others of their topology that an interval is wide for them alone: by
    the metrics that decide the answer."""
    found = sorted(_rounds_of(analysis), key=_launch)
    for (topology, number), rounds in groupby(found, key=_launch):
        yield _finding(topology, number, list(rounds))


def _rounds_of(analysis: RunAnalysis) -> Iterator[OutlyingRound]:
    scenario = analysis.run.scenario
    names = [metric.name for metric in decisive_metrics(metrics_of(scenario))]
    for baseline, other in scenario.pairs:
        keys = [(other.name, name) for name in names]
        compared = [analysis.comparisons[key] for key in keys if key in analysis.comparisons]
        yield from find_outlying_rounds(baseline.name, compared)


def _finding(topology: str, number: int, rounds: Sequence[OutlyingRound]) -> Finding:
    first, metric = rounds[0], rounds[0].comparison.metric
    without = ", ".join(
        f"{plain(each.comparison.metric.title)} of `{each.comparison.topology}`"
        f" {change_text(each.comparison.metric, each.change)} instead of"
        f" {change_text(each.comparison.metric, each.comparison.change)}"
        for each in rounds
    )
    return Finding(
        f"The launch of `{topology}` in round {number} was unlike its others: {plain(metric.title)}"
        f" {metric_text(metric, first.figure)}, where they had {metric_text(metric, first.least)} to"
        f" {metric_text(metric, first.most)}. Without that round: {without}.",
        "It counts, since a launch can be slower for as long as it lives in production too. More rounds show how often"
        " that happens.",
    )


def _launch(found: OutlyingRound) -> tuple[str, int]:
    return found.topology, found.number
