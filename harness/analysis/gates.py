"""Gates: limits that a run has to keep, and how far its figures show that it does."""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from harness.analysis.comparison import Comparisons
from harness.analysis.metric_rows import MetricComparison
from harness.analysis.metrics import OF_EVENTS, THROUGHPUT
from harness.scenario import Gate, Scenario
from harness.stats.estimate import Estimate
from harness.stats.verdict import Verdict


class Outcome(enum.Enum):
    """The outcome of a gate. UNCERTAIN: the interval contains the limit, or there is no interval. UNMEASURED: there is
    no figure. Both are neither passed nor failed."""

    PASSED = "passed"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    UNMEASURED = "not measured"


WORST_FIRST: Final = (Outcome.FAILED, Outcome.UNMEASURED, Outcome.UNCERTAIN)


@dataclass(frozen=True)
class GateResult:
    """The outcome of one gate on one topology. ``estimate`` is what was held against the limit: a figure or, for a
    relative gate, a change; None when there is none."""

    gate: Gate
    row: MetricComparison
    estimate: Estimate | None
    outcome: Outcome

    @property
    def topology(self) -> str:
        """The name of the topology."""
        return self.row.topology


def find_inapplicable_gates(scenario: Scenario) -> list[str]:
    """Return in words which gates of the scenario could never be evaluated in a run of it. They would otherwise pass
    unseen."""
    of_events = {metric.name for metric in OF_EVENTS}
    unheard = [gate for gate in scenario.gate.gates if gate.figure in of_events and not scenario.events]
    offered = [gate for gate in scenario.gate.gates if gate.figure == THROUGHPUT.name and scenario.load.arrivals]
    reasons = [f"{gate.text}: under a rate the throughput is what was offered; limit p99 instead" for gate in offered]
    reasons += [f"{gate.text}: the scenario has no [[event]]" for gate in unheard]
    return [*reasons, *scenario.gate.unknown_requests(scenario.load.kinds)]


def find_gates_without_baseline(gates: Iterable[Gate], scenario: Scenario) -> list[str]:
    """Return in words which gates are relative in a scenario that compares nothing."""
    relative = [gate for gate in gates if gate.is_relative and not scenario.pairs]
    return [f"{gate.text}: there is nothing to compare {scenario.baseline.name} with" for gate in relative]


def evaluate_gates(gates: Iterable[Gate], rows: Sequence[MetricComparison]) -> list[GateResult]:
    """Return the result of each gate on each topology that it applies to: a relative one on those with a baseline."""
    return [
        _evaluate(gate, row)
        for gate in gates
        for row in rows
        if row.metric.name == gate.metric and (row.baseline is not None or not gate.is_relative)
    ]


def have_open_gates(gates: Iterable[Gate], comparisons: Comparisons) -> bool:
    """Return True if the outcome of all gates together still depends on one of the comparisons: it is uncertain about a
    gate, and no other has failed one for certain, with a metric that is shown to be worse."""
    found = [
        (_outcome(gate, estimate, each.metric.more_is_better), each.verdict)
        for gate in gates
        for each in comparisons.values()
        if each.metric.name == gate.metric
        for estimate in (each.change if gate.is_relative else each.pairs.figure_after,)
    ]
    if (Outcome.FAILED, Verdict.WORSE) in found:
        return False
    return any(outcome is Outcome.UNCERTAIN for outcome, _ in found)


def overall_outcome(rulings: Iterable[GateResult], strict: bool) -> Outcome:
    """Return the worst outcome: a failure, then what was not measured, then what is uncertain. When ``strict``,
    everything but a pass is a failure."""
    found = {ruling.outcome for ruling in rulings}
    worst = next((each for each in WORST_FIRST if each in found), Outcome.PASSED)
    return Outcome.FAILED if strict and worst is not Outcome.PASSED else worst


def _evaluate(gate: Gate, row: MetricComparison) -> GateResult:
    estimate = row.change if gate.is_relative else row.after
    outcome = _outcome(gate, estimate, row.metric.more_is_better)
    if outcome is Outcome.PASSED and row.is_least:
        outcome = Outcome.UNCERTAIN
    return GateResult(gate, row, estimate, outcome)


def _outcome(gate: Gate, estimate: Estimate | None, more_is_better: bool) -> Outcome:
    if estimate is None:
        return Outcome.UNMEASURED
    if estimate.low is None or estimate.high is None:
        return Outcome.UNCERTAIN
    worst, best = (estimate.low, estimate.high) if more_is_better else (estimate.high, estimate.low)

    def is_within(value: float) -> bool:
        return value >= gate.limit if more_is_better else value <= gate.limit

    if is_within(worst):
        return Outcome.PASSED
    return Outcome.UNCERTAIN if is_within(best) else Outcome.FAILED
