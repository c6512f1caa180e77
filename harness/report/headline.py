"""The answer in a sentence or two: whether to run one process or a cluster, and of how many workers."""

from collections.abc import Iterator
from math import log2
from typing import Final

from harness.analysis.bottleneck import find_disturbance
from harness.analysis.comparison import fails_more, judge_pair
from harness.analysis.metrics import CPU, ERRORS, MEMORY, metrics_of, metrics_of_answer
from harness.analysis.run import RunAnalysis
from harness.analysis.summary import TopologySummary
from harness.report.answer import render_answer
from harness.report.event_texts import event_texts
from harness.report.figures import change_text, figure_text, ratio_text
from harness.report.markup import plain
from harness.report.soak import soak_texts
from harness.stats.estimate import Estimate
from harness.stats.sequential import InterimLooks
from harness.stats.verdict import Judgement, Verdict
from harness.units import ms_text, rate_text

MAX_LISTED: Final = 6  # topologies in a sentence
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


def render_headline(analysis: RunAnalysis) -> str:
    """Return what to run or, of pairs, what changed, as far as this run can tell, in Markdown."""
    disturbed = list(_disturbance(analysis))
    if analysis.run.scenario.is_of_pairs:
        return " ".join([*disturbed, render_answer(analysis.rows)])
    errors = list(_errors(analysis))
    has_baseline = any(summary.topology.baseline for summary in analysis.measured_summaries)
    if disturbed and has_baseline and not any(summary.ratio for summary in analysis.summaries):
        return " ".join([*disturbed, *errors])
    return " ".join([*disturbed, *errors, *soak_texts(analysis), *event_texts(analysis), *_recommendations(analysis)])


def _disturbance(analysis: RunAnalysis) -> Iterator[str]:
    """Yield that the machine was disturbed in most trials that count, where no verdict was reached on which the answer
    depends."""
    run, deciding = analysis.run, metrics_of_answer(analysis.run.scenario)
    if any(row.verdict not in (None, Verdict.INCONCLUSIVE) for row in analysis.rows if row.metric in deciding):
        return
    counted = [record for record in run.records if record.status == "ok"]
    measured = [find_disturbance(record.load, record.usage) for record in counted if record.load and record.usage]
    found = [each for each in measured if each is not None]
    if 2 * len(found) > len(measured):
        yield (
            f"**The machine was disturbed**, so that nothing can be told of the speed: in {len(found)} of"
            f" {len(measured)} trials, for instance, {plain(found[0].what)}. {found[0].advice}, and run it again."
        )


def _errors(analysis: RunAnalysis) -> Iterator[str]:
    """Yield which topologies failed requests. This comes first, since the other figures are then about fewer."""
    failing = [row for row in analysis.rows if row.metric is ERRORS and row.after and row.after.value > 0]
    if failing:
        shares = ", ".join(f"`{row.topology}` {figure_text(row, row.after)}" for row in failing)
        yield f"**Errors**: {shares}."


def _recommendations(analysis: RunAnalysis) -> Iterator[str]:
    """Yield what to run; of a sweep, over each number of connections."""
    for group in analysis.run.scenario.groups:
        names = {topology.name for topology in group}
        text = _recommendation(analysis, [each for each in analysis.measured_summaries if each.name in names])
        yield text if group[0].connections is None else f"Over {_connections_text(group[0].connections)}: {text}"


def _recommendation(analysis: RunAnalysis, measured: list[TopologySummary]) -> str:
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
            f"In a single round `{best.name}` {_past_gain_text(best)} `{baseline.name}`."
            " One round has no interval: run more of them before deciding on it."
        )
    good = [summary for summary in others if not fails_more(analysis.comparisons, summary.topology.name)]
    faster = [summary for summary in good if summary.verdict is Verdict.BETTER]
    worthy = [summary for summary in faster if _is_worth(analysis, summary.ratio, baseline, summary)]
    if not worthy:
        return " ".join([_no_gain(analysis, baseline, others, faster), *_failing_topologies(analysis, others)])
    choice = _smallest_as_good(analysis, max(worthy, key=_ratio_value), worthy)
    advice = (
        f"**Run `{choice.name}`**: it {_gain_text(choice)} `{baseline.name}` ({_speed_text(choice)} against"
        f" {_speed_text(baseline)}{_offer_text(baseline)}){_cost_text(analysis, choice)}."
    )
    return " ".join([advice, *_larger_clusters(analysis, choice, others), *_failing_topologies(analysis, others)])


def _why_not_compared(baseline: TopologySummary, measured: list[TopologySummary]) -> str:
    doubted = [trial for summary in measured for trial in summary.trials if trial.is_generator_bound]
    if doubted:
        return (
            f"The load generator was the limit, so nothing is known of the speed of `{baseline.name}` beside any other"
            " topology. Give it more processes or cores of its own."
        )
    return f"No round has a good response of `{baseline.name}` and of another topology, so nothing can be compared."


def _failing_topologies(analysis: RunAnalysis, others: list[TopologySummary]) -> Iterator[str]:
    for summary in others:
        if summary.verdict is Verdict.BETTER and fails_more(analysis.comparisons, summary.topology.name):
            yield f"`{summary.name}` is faster and out of the question: more of its requests fail."


def _is_worth(analysis: RunAnalysis, ratio: Estimate | None, one: TopologySummary, other: TopologySummary) -> bool:
    """Return True if ``ratio``, the speed of ``other`` over that of ``one``, is worth the workers of ``other``.

    The scenario says what each doubling of the workers has to bring. As many workers have to bring that too.
    """
    doublings = max(1.0, log2((other.workers or 1) / (one.workers or 1)))
    return ratio is not None and ratio.value >= (1 + analysis.run.scenario.worth) ** doublings


def _cost_text(analysis: RunAnalysis, choice: TopologySummary) -> str:
    """Return the choice's memory and CPU beside the baseline's, and what else of it is worse."""
    rows = [row for row in analysis.rows if row.topology == choice.topology.title]
    own = {row.metric: row for row in rows if row.change is not None}
    parts = [
        f"{own[metric].metric.title} {change_text(metric, own[metric].change)}"
        for metric in (MEMORY, CPU)
        if metric in own
    ]
    others = [row for row in own.values() if row.verdict is Verdict.WORSE and row.metric not in (MEMORY, CPU)]
    parts += [f"and worse: {plain(row.metric.title)} {change_text(row.metric, row.change)}" for row in others]
    return f", for {', '.join(parts)}" if parts else ""


def _no_gain(
    analysis: RunAnalysis, baseline: TopologySummary, others: list[TopologySummary], faster: list[TopologySummary]
) -> str:
    decided = [summary for summary in others if summary.verdict]
    best_first = sorted(decided, key=_ratio_value, reverse=True) if len(decided) > MAX_LISTED else decided
    parts = "; ".join(f"`{s.name}` {_times_text(s.ratio)}, {s.verdict_text}" for s in best_first[:MAX_LISTED])
    parts += f"; and {len(decided) - MAX_LISTED} more" if len(decided) > MAX_LISTED else ""
    running = [summary for summary in others if summary.name not in analysis.dropped]
    if not faster and any(summary.verdict is Verdict.INCONCLUSIVE for summary in running):
        more = _rounds_left_text(running)
        return f"**No answer yet**: against the {_speed_text(baseline)} of `{baseline.name}`, {parts}. {more}"
    if faster:
        return (
            f"**Stay with `{baseline.name}`**: no gain over its {_speed_text(baseline)} is worth its workers, at least"
            f" {analysis.run.scenario.worth:.0%} for twice as many ({parts})."
        )
    beats = (
        f"is faster than its {_speed_text(baseline)}"
        if baseline.offers
        else f"serves more than its {_rate_text(baseline)}"
    )
    return f"**Stay with `{baseline.name}`**: nothing {beats}{_offer_text(baseline)} ({parts})."


def _rounds_left_text(others: list[TopologySummary]) -> str:
    """Return how many more rounds would probably settle it, or what to try where that is unknown."""
    undecided = [summary.comparisons[0] for summary in others if not summary.comparisons[0].is_settled]
    known = [each.more_rounds for each in undecided if each.more_rounds is not None]
    if len(known) < len(undecided):
        return "Run more rounds, or longer windows."
    return f"About {max(known):,} more round{'s' if max(known) > 1 else ''} would probably settle it."


def _judge(analysis: RunAnalysis, one: TopologySummary, other: TopologySummary) -> Judgement | None:
    """Return the judgement on ``other`` against ``one`` by the deciding metric; None when they share no round."""
    run = analysis.run
    metric, looks = metrics_of(run.scenario)[0], InterimLooks(run.looks)
    return judge_pair(one.trials, other.trials, metric, run.scenario.margin, looks)


def _smallest_as_good(analysis: RunAnalysis, best: TopologySummary, worthy: list[TopologySummary]) -> TopologySummary:
    """Return the topology with the fewest workers, of those over which no other brings a gain worth its workers."""

    def beats(by: TopologySummary, summary: TopologySummary) -> bool:
        found = _judge(analysis, summary, by) if (by.workers or 1) > (summary.workers or 1) or by is best else None
        return (
            found is not None
            and found.verdict is Verdict.BETTER
            and _is_worth(analysis, found.evidence.estimate, summary, by)
        )

    as_good = [one for one in worthy if one is best or not any(beats(by, one) for by in worthy if by is not one)]
    return min(as_good, key=lambda s: (s.workers or 1, -_ratio_value(s)))


def _larger_clusters(analysis: RunAnalysis, choice: TopologySummary, others: list[TopologySummary]) -> Iterator[str]:
    """Yield what more workers than the chosen ones would bring; of cells of a grid, those of the same values."""
    of_cell = choice.topology.cell is not None
    for other in others:
        if of_cell and other.topology.family != choice.topology.family:
            continue
        found = _judge(analysis, choice, other)
        if found is not None and (other.workers or 1) > (choice.workers or 1):
            gain = (IN_AN_OPEN_LOOP if other.offers else IN_A_CLOSED_LOOP)[found.verdict]
            yield f"`{other.name}` {gain} ({ratio_text(found.evidence.estimate)} of it)."


def _gain_text(summary: TopologySummary) -> str:
    """Return the topology's gain as a multiple of the baseline, whose name is to follow."""
    if summary.offers:
        return f"answers all but one request in a hundred {_times_text(summary.ratio)} as fast as"
    return f"serves {_times_text(summary.ratio)} the requests/s of"


def _past_gain_text(summary: TopologySummary) -> str:
    return _gain_text(summary).replace("answers", "answered").replace("serves", "served")


def _speed_text(summary: TopologySummary) -> str:
    """Return the figure that decides on the topology's speed: its rate or, in an open loop, its p99."""
    if not summary.offers:
        return _rate_text(summary)
    return f"p99 {ms_text(summary.latency_ms.p99)}" if summary.latency_ms else "not measured"


def _offer_text(summary: TopologySummary) -> str:
    """Return the rate that was offered; empty in a closed loop."""
    if not summary.offers:
        return ""
    rates = [offer.rate_per_s for offer in summary.offers]
    return f" at {rate_text(sum(rates) / len(rates))}/s offered"


def _ratio_value(summary: TopologySummary) -> float:
    return summary.ratio.value if summary.ratio else 0.0


def _times_text(ratio: Estimate | None) -> str:
    return "" if ratio is None else ratio_text(ratio)


def _rate_text(summary: TopologySummary) -> str:
    return f"{rate_text(summary.requests_per_s.value)}/s" if summary.requests_per_s else "not measured"


def _connections_text(number: int) -> str:
    return f"{number:,} connection{'' if number == 1 else 's'}"
