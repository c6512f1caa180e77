"""Whether a run keeps to the limits that it was given, as far as it can tell."""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from harness.analysis.comparison import Comparisons
from harness.analysis.metric_rows import MetricComparison
from harness.analysis.metrics import THROUGHPUT
from harness.scenario import Gate, Scenario
from harness.stats.estimate import Estimate


class Outcome(enum.Enum):
    """UNCERTAIN: the interval holds the limit, or there is none. UNMEASURED: there is no figure. Neither has passed,
    and neither has failed."""

    PASSED = "passed"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    UNMEASURED = "not measured"


WORST_FIRST: Final = (Outcome.FAILED, Outcome.UNMEASURED, Outcome.UNCERTAIN)


@dataclass(frozen=True)
class GateResult:
    """What one gate says of one topology. ``estimate`` is what was held against the limit: a figure or, for a relative
    one, a change; None when there is none."""

    gate: Gate
    row: MetricComparison
    estimate: Estimate | None
    outcome: Outcome

    @property
    def topology(self) -> str:
        """Which one."""
        return self.row.topology


def inapplicable(scenario: Scenario) -> list[str]:
    """Why some of its gates could never be ruled on in a run of the scenario, in words; without this they would
    pass."""
    offered = [gate for gate in scenario.gate.gates if gate.figure == THROUGHPUT.name and scenario.load.arrivals]
    reasons = [f"{gate.text}: under a rate the throughput is what was offered; limit p99 instead" for gate in offered]
    return [*reasons, *scenario.gate.misnamed(scenario.load.kinds)]


def without_another(gates: Iterable[Gate], scenario: Scenario) -> list[str]:
    """Why those that are relative could not be ruled on in a run of the scenario, which compares nothing."""
    relative = [gate for gate in gates if gate.is_relative and not scenario.pairs]
    return [f"{gate.text}: there is nothing to compare {scenario.baseline.name} with" for gate in relative]


def evaluate_gates(gates: Iterable[Gate], rows: Sequence[MetricComparison]) -> list[GateResult]:
    """Each gate on each topology that it applies to: a relative one on those that are compared with another."""
    return [
        _ruling(gate, row)
        for gate in gates
        for row in rows
        if row.metric.name == gate.metric and (row.baseline is not None or not gate.is_relative)
    ]


def are_open(gates: Iterable[Gate], comparisons: Comparisons) -> bool:
    """Return whether one of the comparisons can't tell yet on which side of a gate it lies."""
    found = [(gate, each) for gate in gates for each in comparisons.values() if each.metric.name == gate.metric]
    return any(
        _outcome(gate, each.change if gate.is_relative else each.pairs.figure_after, each.metric.more_is_better)
        is Outcome.UNCERTAIN
        for gate, each in found
    )


def overall_outcome(rulings: Iterable[GateResult], strict: bool) -> Outcome:
    """Return the worst of them: a failure, what was not measured, what can't be told. When ``strict``, all but what has
    passed has failed."""
    found = {ruling.outcome for ruling in rulings}
    worst = next((each for each in WORST_FIRST if each in found), Outcome.PASSED)
    return Outcome.FAILED if strict and worst is not Outcome.PASSED else worst


def _ruling(gate: Gate, row: MetricComparison) -> GateResult:
    estimate = row.change if gate.is_relative else row.after
    return GateResult(gate, row, estimate, _outcome(gate, estimate, row.metric.more_is_better))


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
