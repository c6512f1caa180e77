"""The answer in a sentence or two: one process or a cluster, and of how many workers."""

from collections.abc import Iterator, Sequence
from math import log2
from typing import Final

from harness.analysis.bottleneck import disturbance
from harness.analysis.comparison import judge_pair
from harness.analysis.metric_rows import MetricComparison
from harness.analysis.metrics import CPU, ERRORS, MEMORY, metrics_of
from harness.record import Run
from harness.report.answer import answer
from harness.report.changes import change_text, figure_text
from harness.report.markup import plain
from harness.report.summary import TopologySummary
from harness.stats.estimate import Estimate
from harness.stats.sequential import InterimLooks
from harness.stats.verdict import Judgement, Verdict
from harness.units import decimals_apart, ms_text, rate_text

IN_A_CLOSED_LOOP: Final = {
    Verdict.WORSE: "serves less",
    Verdict.EQUIVALENT: "serves as much",
    Verdict.INCONCLUSIVE: "was not shown to serve more",
    Verdict.BETTER: "serves more",
}
IN_AN_OPEN_LOOP: Final = {
    Verdict.WORSE: "is slower",
    Verdict.EQUIVALENT: "is as fast",
    Verdict.INCONCLUSIVE: "was not shown to be faster",
    Verdict.BETTER: "is faster",
}


def headline(run: Run, summaries: list[TopologySummary], rows: Sequence[MetricComparison]) -> str:
    """Return what to run or, of two commits, what changed, as far as this run can tell, in Markdown."""
    if run.scenario.is_of_two_commits:
        return " ".join([*_disturbed(run, rows), answer(rows)])
    disturbed = list(_disturbed(run, rows))
    if disturbed and not any(summary.ratio for summary in summaries):
        return " ".join([*disturbed, *_errors(rows)])
    return " ".join([*disturbed, *_errors(rows), _recommendation(run, summaries, rows)])


def _disturbed(run: Run, rows: Sequence[MetricComparison]) -> Iterator[str]:
    """Yield that it is the machine, where nothing can be told of the speed and most of the trials were disturbed."""
    deciding = metrics_of(run.scenario)[0]
    if any(row.verdict not in (None, Verdict.INCONCLUSIVE) for row in rows if row.metric is deciding):
        return
    measured = [disturbance(record.load, record.usage) for record in run.records if record.load and record.usage]
    found = [each for each in measured if each is not None]
    if 2 * len(found) > len(measured):
        yield (
            f"**The machine was disturbed**, so that nothing can be told of the speed: in {len(found)} of"
            f" {len(measured)} trials, for instance, {plain(found[0].what)}. {found[0].advice}, and run it again."
        )


def _errors(rows: Sequence[MetricComparison]) -> Iterator[str]:
    """Yield where requests failed: before everything else, since the other figures are then about less."""
    failing = [row for row in rows if row.metric is ERRORS and row.after and row.after.value > 0]
    if failing:
        shares = ", ".join(f"`{row.topology}` {figure_text(row, row.after)}" for row in failing)
        yield f"**Errors**: {shares}."


def _recommendation(run: Run, summaries: list[TopologySummary], rows: Sequence[MetricComparison]) -> str:
    measured = [summary for summary in summaries if summary.trials]
    baseline = next((summary for summary in measured if summary.topology.baseline), None)
    others = [summary for summary in measured if summary.ratio is not None]
    if baseline is None:
        return "No trial of the baseline counts, so there is nothing to compare with."
    if not others and len(measured) > 1:
        return _why_not_compared(baseline, measured)
    if not others:
        return f"Only `{baseline.name}` was measured, so there is nothing to compare it with."
    best = max(others, key=_ratio_value)
    if best.ratio is None or best.ratio.low is None:
        return (
            f"In a single round `{best.name}` {_did(best)} `{baseline.name}`."
            " One round has no interval: run more of them before deciding on it."
        )
    good = [summary for summary in others if not _fails_more(rows, summary)]
    faster = [summary for summary in good if summary.verdict is Verdict.BETTER]
    worthy = [summary for summary in faster if _is_worth(run, summary.ratio, baseline, summary)]
    if not worthy:
        return " ".join([_no_gain(run, baseline, others, faster), *_failing(rows, others)])
    choice = _smallest_as_good(run, max(worthy, key=_ratio_value), worthy)
    advice = (
        f"**Run `{choice.name}`**: it {_does(choice)} `{baseline.name}` ({_figure(choice)} against {_figure(baseline)}"
        f"{_offer(baseline)}){_price(rows, choice)}."
    )
    return " ".join([advice, *_beyond(run, choice, others), *_failing(rows, others)])


def _why_not_compared(baseline: TopologySummary, measured: list[TopologySummary]) -> str:
    doubted = [trial for summary in measured for trial in summary.trials if trial.is_generator_bound]
    if doubted:
        return (
            f"The load generator was the limit, so nothing is known of the speed of `{baseline.name}` beside any other"
            " topology. Give it more processes or cores of its own."
        )
    return f"No round has a good response of `{baseline.name}` and of another topology, so nothing can be compared."


def _fails_more(rows: Sequence[MetricComparison], summary: TopologySummary) -> bool:
    """Check whether more of its requests failed than of the baseline's: shown, or by more than makes no difference."""
    row = next((row for row in rows if row.topology == summary.topology.title and row.metric is ERRORS), None)
    if row is None or row.comparison is None:
        return False
    return row.verdict is Verdict.WORSE or row.comparison.change.value > row.comparison.pairs.evidence.margin


def _failing(rows: Sequence[MetricComparison], others: list[TopologySummary]) -> Iterator[str]:
    for summary in others:
        if summary.verdict is Verdict.BETTER and _fails_more(rows, summary):
            yield f"`{summary.name}` is faster and out of the question: more of its requests fail."


def _is_worth(run: Run, ratio: Estimate | None, one: TopologySummary, other: TopologySummary) -> bool:
    """Check that the gain of one over the other is worth its workers: so much for twice as many, and no less for a
    cluster of as many."""
    doublings = max(1.0, log2((other.workers or 1) / (one.workers or 1)))
    return ratio is not None and ratio.value >= (1 + run.scenario.worth) ** doublings


def _price(rows: Sequence[MetricComparison], choice: TopologySummary) -> str:
    """Return what it costs beside the baseline, and what else is worse."""
    own = {row.metric: row for row in rows if row.topology == choice.topology.title and row.change is not None}
    parts = [
        f"{own[metric].metric.title} {change_text(metric, own[metric].change)}"
        for metric in (MEMORY, CPU)
        if metric in own
    ]
    others = [row for row in own.values() if row.verdict is Verdict.WORSE and row.metric not in (MEMORY, CPU)]
    parts += [f"and worse: {plain(row.metric.title)} {change_text(row.metric, row.change)}" for row in others]
    return f", for {', '.join(parts)}" if parts else ""


def _no_gain(run: Run, baseline: TopologySummary, others: list[TopologySummary], faster: list[TopologySummary]) -> str:
    parts = "; ".join(f"`{s.name}` {_times(s.ratio)}, {s.verdict_text}" for s in others if s.verdict)
    if not faster and any(summary.verdict is Verdict.INCONCLUSIVE for summary in others):
        return f"**No answer yet**: against the {_figure(baseline)} of `{baseline.name}`, {parts}. {_more(others)}"
    if faster:
        return (
            f"**Stay with `{baseline.name}`**: no gain over its {_figure(baseline)} is worth its workers, at least"
            f" {run.scenario.worth:.0%} for twice as many ({parts})."
        )
    beats = f"is faster than its {_figure(baseline)}" if baseline.offers else f"serves more than its {_rate(baseline)}"
    return f"**Stay with `{baseline.name}`**: nothing {beats}{_offer(baseline)} ({parts})."


def _more(others: list[TopologySummary]) -> str:
    """Return how much longer to go on, where that can be told."""
    undecided = [summary.comparisons[0] for summary in others if not summary.comparisons[0].is_settled]
    known = [each.more_rounds for each in undecided if each.more_rounds is not None]
    if len(known) < len(undecided):
        return "Run more rounds, or longer windows."
    return f"About {max(known):,} more round{'s' if max(known) > 1 else ''} would probably settle it."


def _against(run: Run, one: TopologySummary, other: TopologySummary) -> Judgement | None:
    """Return ``other`` as compared with ``one``, by the metric that decides."""
    metric, looks = metrics_of(run.scenario)[0], InterimLooks(run.info.looks)
    return judge_pair(one.trials, other.trials, metric, run.scenario.margin, looks)


def _smallest_as_good(run: Run, best: TopologySummary, worthy: list[TopologySummary]) -> TopologySummary:
    """Return the one with the fewest workers over which no other brings a gain that is worth its workers."""

    def beaten(summary: TopologySummary, by: TopologySummary) -> bool:
        found = _against(run, summary, by) if (by.workers or 1) > (summary.workers or 1) or by is best else None
        return (
            found is not None
            and found.verdict is Verdict.BETTER
            and _is_worth(run, found.evidence.estimate, summary, by)
        )

    as_good = [one for one in worthy if one is best or not any(beaten(one, by) for by in worthy if by is not one)]
    return min(as_good, key=lambda s: (s.workers or 1, -_ratio_value(s)))


def _beyond(run: Run, choice: TopologySummary, others: list[TopologySummary]) -> Iterator[str]:
    """Yield what more workers than the chosen ones would bring."""
    for other in others:
        found = _against(run, choice, other)
        if found is not None and (other.workers or 1) > (choice.workers or 1):
            gain = (IN_AN_OPEN_LOOP if other.offers else IN_A_CLOSED_LOOP)[found.verdict]
            yield f"`{other.name}` {gain} ({ratio_text(found.evidence.estimate)} of it)."


def _does(summary: TopologySummary) -> str:
    """What it does, as a multiple of the baseline, whose name follows."""
    if summary.offers:
        return f"answers all but one request in a hundred {_times(summary.ratio)} as fast as"
    return f"serves {_times(summary.ratio)} the requests/s of"


def _did(summary: TopologySummary) -> str:
    return _does(summary).replace("answers", "answered").replace("serves", "served")


def _figure(summary: TopologySummary) -> str:
    """What the speed of a topology comes from."""
    if not summary.offers:
        return _rate(summary)
    return f"p99 {ms_text(summary.latency_ms.p99)}" if summary.latency_ms else "not measured"


def _offer(summary: TopologySummary) -> str:
    """At which rate, where one was offered."""
    if not summary.offers:
        return ""
    rates = [offer.rate_per_s for offer in summary.offers]
    return f" at {rate_text(sum(rates) / len(rates))}/s offered"


def _ratio_value(summary: TopologySummary) -> float:
    return summary.ratio.value if summary.ratio else 0.0


def _times(ratio: Estimate | None) -> str:
    return "" if ratio is None else ratio_text(ratio)


def ratio_text(ratio: Estimate) -> str:
    """``1.74× (1.69–1.79)``; without the interval when there is none."""
    if ratio.low is None or ratio.high is None:
        return f"{ratio.value:.2f}×"
    decimals = decimals_apart(ratio.low, ratio.high, 2)
    low = f"{ratio.low:.{decimals}f}" if ratio.low >= 0.01 else "<0.01"
    high = f"{ratio.high:.{decimals}f}" if ratio.high < 100 else ">100"
    return f"{ratio.value:.{decimals}f}× ({low}–{high})"


def _rate(summary: TopologySummary) -> str:
    return f"{rate_text(summary.requests_per_s.value)}/s" if summary.requests_per_s else "not measured"
