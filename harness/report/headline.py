"""The answer in a sentence or two: one process or a cluster, and of how many workers."""

from collections.abc import Sequence
from typing import Final

from harness.analysis.comparison import judge_pair, rules_of
from harness.analysis.metrics import metrics_of
from harness.analysis.rows import Row
from harness.record import Run
from harness.report.changes import answer
from harness.report.summary import TopologySummary
from harness.stats.estimate import Estimate
from harness.stats.sequential import Looks
from harness.stats.verdict import Judgement, Verdict
from harness.units import ms_text, rate_text

IN_A_CLOSED_LOOP: Final = {
    Verdict.SLOWER: "serves less",
    Verdict.EQUIVALENT: "serves as much",
    Verdict.INCONCLUSIVE: "was not shown to serve more",
    Verdict.FASTER: "serves more",
}
IN_AN_OPEN_LOOP: Final = {
    Verdict.SLOWER: "is slower",
    Verdict.EQUIVALENT: "is as fast",
    Verdict.INCONCLUSIVE: "was not shown to be faster",
    Verdict.FASTER: "is faster",
}


def headline(run: Run, summaries: list[TopologySummary], rows: Sequence[Row]) -> str:
    """What to run or, of two commits, whether the newer is slower, as far as this run can tell, in Markdown."""
    if run.scenario.is_of_two_commits:
        return answer(rows)
    measured = [summary for summary in summaries if summary.trials]
    baseline = next((summary for summary in measured if summary.topology.baseline), None)
    others = [summary for summary in measured if summary.ratio is not None]
    if baseline is None:
        return "No trial of the baseline counts, so there is nothing to compare with."
    if not others and len(measured) > 1:
        return (
            f"The load generator was the limit, so nothing follows about `{baseline.name}` or any other topology."
            " Give it more processes or cores of its own."
        )
    if not others:
        return f"Only `{baseline.name}` was measured, so there is nothing to compare it with."
    best = max(others, key=_ratio_value)
    if best.ratio is None or best.ratio.low is None:
        return (
            f"In a single round `{best.name}` {_did(best)} `{baseline.name}`."
            " One round has no interval: run more of them before deciding on it."
        )
    faster = [summary for summary in others if summary.verdict is Verdict.FASTER]
    if not faster:
        return _no_gain(baseline, others)
    choice = _smallest_as_good(run, best, faster)
    advice = (
        f"**Run `{choice.name}`**: it {_does(choice)} `{baseline.name}` ({_figure(choice)} against {_figure(baseline)}"
        f"{_offer(baseline)})."
    )
    return " ".join([advice, *_beyond(run, choice, others)])


def _no_gain(baseline: TopologySummary, others: list[TopologySummary]) -> str:
    parts = "; ".join(f"`{s.name}` {_times(s.ratio)}, {s.verdict.value}" for s in others if s.verdict)
    if any(summary.verdict is Verdict.INCONCLUSIVE for summary in others):
        return f"**No answer yet**: against the {_figure(baseline)} of `{baseline.name}`, {parts}. {_more(others)}"
    beats = f"is faster than its {_figure(baseline)}" if baseline.offers else f"serves more than its {_rate(baseline)}"
    return f"**Stay with `{baseline.name}`**: nothing {beats}{_offer(baseline)} ({parts})."


def _more(others: list[TopologySummary]) -> str:
    """How much longer to go on, where that can be told."""
    open_ones = [summary.comparisons[0].more_rounds for summary in others if not summary.comparisons[0].is_settled]
    known = [rounds for rounds in open_ones if rounds is not None]
    if len(known) < len(open_ones):
        return "Run more rounds, or longer windows."
    return f"About {max(known):,} more round{'s' if max(known) > 1 else ''} would probably settle it."


def _against(run: Run, one: TopologySummary, other: TopologySummary) -> Judgement | None:
    """``other`` as compared with ``one``, by the metric that decides."""
    metric, rules = metrics_of(run.scenario.load)[0], rules_of(run.scenario, Looks(run.info.looks))
    return judge_pair(one.trials, other.trials, metric, rules)


def _smallest_as_good(run: Run, best: TopologySummary, faster: list[TopologySummary]) -> TopologySummary:
    """The one with the fewest workers of which this run can't say that the best is faster."""

    def beaten(summary: TopologySummary) -> bool:
        found = _against(run, summary, best)
        return found is not None and found.verdict is Verdict.FASTER

    as_good = [s for s in faster if s is best or not beaten(s)]
    return min(as_good, key=lambda s: (s.workers or 1, -_ratio_value(s)))


def _beyond(run: Run, choice: TopologySummary, others: list[TopologySummary]) -> list[str]:
    """What more workers than the chosen ones would bring."""
    sentences = []
    for other in others:
        found = _against(run, choice, other)
        if found is not None and (other.workers or 1) > (choice.workers or 1):
            gain = (IN_AN_OPEN_LOOP if other.offers else IN_A_CLOSED_LOOP)[found.verdict]
            sentences.append(f"`{other.name}` {gain} ({ratio_text(found.ratio)} of it).")
    return sentences


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
    low = f"{ratio.low:.2f}" if ratio.low >= 0.01 else "<0.01"
    high = f"{ratio.high:.2f}" if ratio.high < 100 else ">100"
    return f"{ratio.value:.2f}× ({low}–{high})"


def _rate(summary: TopologySummary) -> str:
    return f"{rate_text(summary.requests_per_s.value)}/s" if summary.requests_per_s else "not measured"
