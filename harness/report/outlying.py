"""Findings on rounds that decide by themselves how wide an interval is."""

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from harness.analysis.metrics import decisive_metrics, metrics_of
from harness.analysis.outlying import OutlyingRound, find_outlying_rounds
from harness.analysis.run import RunAnalysis
from harness.report.figures import change_text, metric_text, percent_change_text
from harness.report.finding import Finding
from harness.report.markup import plain


def find_deciding_rounds(analysis: RunAnalysis) -> Iterator[Finding]:
    """Yield the rounds that by themselves keep a metric which decides the answer from a verdict."""
    scenario = analysis.run.scenario
    names = [metric.name for metric in decisive_metrics(metrics_of(scenario))]
    baselines = {other.name: baseline.name for baseline, other in scenario.pairs}
    compared = [
        each for (topology, name), each in analysis.comparisons.items() if name in names and topology in baselines
    ]
    number = attrgetter("number")
    for _, those in groupby(sorted(find_outlying_rounds(compared), key=number), key=number):
        yield Finding(
            " ".join(_what(found, baselines[found.comparison.topology]) for found in those),
            "It counts: what a launch has by chance for as long as it lives, such as its place in memory, it has in"
            " production too, and more rounds show how often. If something disturbed the machine then, measure again.",
        )


def _what(found: OutlyingRound, baseline: str) -> str:
    metric, topology = found.comparison.metric, found.comparison.topology
    there, usual = ([metric_text(metric, value) for value in each] for each in (found.figures, found.usual))
    return (
        f"Round {found.number} by itself makes the interval of `{topology}` wide: {plain(metric.title)}"
        f" {percent_change_text(found.ratio)} there, and {percent_change_text(found.least)} to"
        f" {percent_change_text(found.most)} in the other rounds (`{baseline}` {there[0]} and `{topology}` {there[1]}"
        f" there, {usual[0]} and {usual[1]} usually). Without it: {change_text(metric, found.change)} instead of"
        f" {change_text(metric, found.comparison.change)}."
    )
