"""Whether a run keeps to the limits that it was given, as far as it can tell."""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.analysis.rows import Row, shown_metrics
from harness.scenario import Gate, Scenario
from harness.stats.estimate import Estimate


class Outcome(enum.Enum):
    """UNCERTAIN: the interval holds the limit, or there is none. What was not measured never passes."""

    PASSED = "passed"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    UNMEASURED = "not measured"


@dataclass(frozen=True)
class Ruling:
    """What one gate says of one topology. ``estimate`` is what was held against the limit: a figure or, for a relative
    one, a ratio; None when there is none."""

    gate: Gate
    row: Row
    estimate: Estimate | None
    outcome: Outcome

    @property
    def topology(self) -> str:
        """Which one."""
        return self.row.topology


def inapplicable(gates: Iterable[Gate], scenario: Scenario) -> list[str]:
    """Why some of them could never be ruled on in a run of the scenario, in words; without this they would pass."""
    shown = {metric.name for metric in shown_metrics(scenario.load)}
    reasons = []
    for gate in gates:
        if gate.metric not in shown:
            reasons.append(f"{gate.text}: under a rate the {gate.metric} is what was offered; limit p99 instead")
    return reasons


def without_another(gates: Iterable[Gate], scenario: Scenario) -> list[str]:
    """Why those that are relative could not be ruled on in a run of the scenario, which compares nothing."""
    relative = [gate for gate in gates if gate.is_relative and not scenario.pairs]
    return [f"{gate.text}: there is nothing to compare {scenario.baseline.name} with" for gate in relative]


def rule(gates: Iterable[Gate], rows: Sequence[Row]) -> list[Ruling]:
    """Each gate on each topology that it applies to: a relative one on those that are compared with another."""
    return [
        _ruling(gate, row)
        for gate in gates
        for row in rows
        if row.metric.name == gate.metric and (row.baseline is not None or not gate.is_relative)
    ]


def verdict_on(rulings: Iterable[Ruling], strict: bool) -> Outcome:
    """The worst of them; what is uncertain counts when it is ``strict``."""
    found = {ruling.outcome for ruling in rulings}
    if found & {Outcome.FAILED, Outcome.UNMEASURED}:
        return Outcome.FAILED
    return Outcome.UNCERTAIN if strict and Outcome.UNCERTAIN in found else Outcome.PASSED


def _ruling(gate: Gate, row: Row) -> Ruling:
    estimate = row.ratio if gate.is_relative else row.after
    return Ruling(gate, row, estimate, _outcome(gate, estimate, row.metric.more_is_better))


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
