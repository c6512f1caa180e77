"""The cost of the events of a scenario, in sentences."""

from collections.abc import Iterator

from harness.analysis.event_cost import EventCost
from harness.analysis.run import RunAnalysis
from harness.report.markup import code
from harness.stats.estimate import Estimate, difference_of
from harness.units import duration_text


def event_texts(analysis: RunAnalysis) -> Iterator[str]:
    """Yield what the events cost, topology by topology, in Markdown; nothing without events."""
    events = analysis.run.scenario.events
    if not events:
        return
    named = ", ".join(f"{code(event.what)} after {duration_text(event.at_s)}" for event in events)
    yield f"**What {named} cost** in each window:"
    for summary in analysis.measured_summaries:
        costs = [trial.event_cost for trial in summary.trials if trial.event_cost is not None]
        if costs:
            yield f"`{summary.name}` {_cost_text(costs)}."


def _cost_text(costs: list[EventCost]) -> str:
    lost, late = (difference_of([float(getattr(cost, name)) for cost in costs]) for name in ("lost", "late"))
    back = [cost.recovery_s for cost in costs if cost.is_back]
    parts = [f"lost {_number_text(lost)} requests", f"had {_number_text(late)} late"]
    if any(cost.again for cost in costs):
        again = difference_of([float(cost.again) for cost in costs])
        parts.append(f"had {_number_text(again)} sent again, which a client that does not do so would lose")
    if back:
        parts.append(f"p99 was back after {_seconds_text(difference_of(back))}")
    if len(back) < len(costs):
        parts.append(f"p99 was not back within the window in {len(costs) - len(back)} of {len(costs)} trials")
    return ", ".join(parts)


def _number_text(number: Estimate) -> str:
    if number.low is None or number.high is None or number.low == number.high:
        return f"{number.value:,.1f}"
    return f"{number.value:,.1f} ({max(0.0, number.low):,.1f}–{number.high:,.1f})"


def _seconds_text(seconds: Estimate) -> str:
    if seconds.low is None or seconds.high is None or seconds.low == seconds.high:
        return f"{seconds.value:.1f} s"
    return f"{seconds.value:.1f} s ({max(0.0, seconds.low):.1f}–{seconds.high:.1f})"
