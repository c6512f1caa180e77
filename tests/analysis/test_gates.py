"""What a gate says of a figure and its interval, and that nothing passes which was not measured."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.gates import (
    Outcome,
    evaluate_gates,
    find_gates_without_baseline,
    find_inapplicable_gates,
    overall_outcome,
)
from harness.analysis.metric_rows import MetricComparison
from harness.analysis.metrics import ERRORS, P99, THROUGHPUT, Metric
from harness.record import SkippedTopology
from harness.report.machine import render_json, render_junit
from harness.report.run_report import RunReport
from harness.scenario import Gate, GateTable
from harness.stats.estimate import Estimate
from tests.made_runs import LOAD, made_run, record, scenario_of, topology

RAW = topology("raw", baseline=True)
TWO = topology("cluster-2", workers=2)


def estimate(value: float, low: float | None = None, high: float | None = None) -> Estimate:
    return Estimate(value, low, high, 5, "made up")


def row(
    metric: Metric, after: Estimate | None, ratio: Estimate | None = None, baseline: str | None = "raw"
) -> MetricComparison:
    return MetricComparison("cluster-2", baseline, metric, None, after, ratio)


def outcome(gate: str, *rows: MetricComparison) -> Outcome:
    (ruling,) = evaluate_gates([Gate.parse(gate)], rows)
    return ruling.outcome


@pytest.mark.parametrize(
    ("gate", "metric", "ratio", "expected"),
    [
        ("throughput < -5%", THROUGHPUT, (0.80, 0.76, 0.84), Outcome.FAILED),
        ("throughput < -5%", THROUGHPUT, (0.93, 0.90, 0.96), Outcome.UNCERTAIN),
        ("throughput < -5%", THROUGHPUT, (0.99, 0.96, 1.02), Outcome.PASSED),
        ("throughput < -5%", THROUGHPUT, (2.00, 1.90, 2.10), Outcome.PASSED),
        ("throughput > -5%", THROUGHPUT, (0.80, 0.76, 0.84), Outcome.FAILED),  # written as what has to hold
        ("p99 > +10%", P99, (1.30, 1.20, 1.40), Outcome.FAILED),
        ("p99 > +10%", P99, (1.10, 1.00, 1.20), Outcome.UNCERTAIN),
        ("p99 > +10%", P99, (0.50, 0.40, 0.60), Outcome.PASSED),
    ],
)
def test_a_change_fails_when_its_interval_is_beyond_the_limit(
    gate: str, metric: Metric, ratio: tuple[float, float, float], expected: Outcome
) -> None:
    assert outcome(gate, row(metric, None, estimate(*ratio))) is expected


@pytest.mark.parametrize("gate", ["p99 < 250ms", "p99 > 250ms", "p99 <= 0.25s"])
@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (estimate(200, 190, 210), Outcome.PASSED),
        (estimate(245, 235, 255), Outcome.UNCERTAIN),
        (estimate(300, 290, 310), Outcome.FAILED),
        (estimate(200), Outcome.UNCERTAIN),
        (None, Outcome.UNMEASURED),
    ],
)
def test_a_figure_fails_on_the_worse_side_however_the_limit_is_written(
    gate: str, figure: Estimate | None, expected: Outcome
) -> None:
    assert outcome(gate, row(P99, figure)) is expected


def test_no_errors_keep_to_a_limit_of_errors() -> None:
    assert outcome("errors > 0.1%", row(ERRORS, estimate(0.0, 0.0, 0.0))) is Outcome.PASSED
    assert outcome("errors > 0.1%", row(ERRORS, estimate(0.02, 0.01, 0.03))) is Outcome.FAILED


def test_a_change_is_not_asked_of_the_baseline_and_a_figure_is() -> None:
    baseline = row(P99, estimate(300, 290, 310), baseline=None)
    assert evaluate_gates([Gate.parse("p99 > +10%")], [baseline]) == []
    assert outcome("p99 < 250ms", baseline) is Outcome.FAILED


@given(st.floats(0.01, 10), st.floats(0.01, 10), st.floats(0, 0.99))
def test_a_gate_never_passes_and_fails_for_the_same_interval(one: float, other: float, drop: float) -> None:
    """The wider the interval, the less can be told: what passes within it can't fail, and the other way round."""
    low, high = sorted((one, other))
    gate = Gate.parse(f"throughput < -{drop * 100:.2f}%")
    (ruling,) = evaluate_gates([gate], [row(THROUGHPUT, None, estimate((low + high) / 2, low, high))])
    at_ends = {outcome(gate.text, row(THROUGHPUT, None, estimate(end, end, end))) for end in (low, high)}
    assert ruling.outcome in at_ends if len(at_ends) == 1 else ruling.outcome is Outcome.UNCERTAIN


def test_the_worst_ruling_counts_and_what_has_not_passed_has_failed_when_strict() -> None:
    gates = [Gate.parse("throughput < -5%")]
    good, doubtful = (row(THROUGHPUT, None, estimate(1.0, low, 1.1)) for low in (0.97, 0.9))
    bad, missing = row(THROUGHPUT, None, estimate(0.5, 0.4, 0.6)), row(THROUGHPUT, None, None)
    assert overall_outcome(evaluate_gates(gates, [good]), strict=True) is Outcome.PASSED
    assert overall_outcome(evaluate_gates(gates, [good, doubtful]), strict=False) is Outcome.UNCERTAIN
    assert overall_outcome(evaluate_gates(gates, [good, doubtful]), strict=True) is Outcome.FAILED
    assert overall_outcome(evaluate_gates(gates, [doubtful, bad]), strict=False) is Outcome.FAILED
    assert overall_outcome(evaluate_gates(gates, [doubtful, missing]), strict=False) is Outcome.UNMEASURED
    assert overall_outcome(evaluate_gates(gates, [missing]), strict=True) is Outcome.FAILED
    assert overall_outcome([], strict=True) is Outcome.PASSED


def test_what_was_skipped_failed_or_never_counted_is_not_measured(tmp_path: Path) -> None:
    run = made_run(
        tmp_path,
        scenario_of([RAW, TWO], 1),
        [record(1, RAW, 100), record(1, TWO, 0, status="failed", reason="it did not start")],
        skipped=[SkippedTopology(name="node", reason="node not found on PATH")],
    )
    found = {
        ruling.topology: ruling.outcome
        for ruling in evaluate_gates([Gate.parse("throughput < -5%")], RunReport(run).rows)
    }
    assert found == {"cluster-2": Outcome.UNMEASURED, "node": Outcome.UNMEASURED}


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("throughput", "a limit such as"),
        ("throughput < 5%", "a change with its sign"),
        ("throughput < -100%", "a change of more than -100%"),
        ("speed > 3", "a limit of throughput, a percentile"),
        ("p99 < soon", "a duration"),
        ("p99 < 250", "a duration with its unit"),
        ("memory > lots", "a size"),
        ("errors > many", "a percentage"),
        ("throughput < fast", "a rate"),
        ("p99 == 250ms", "a limit such as"),
    ],
)
def test_what_is_no_limit_is_refused_in_words(gate: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"expected {said}"):
        Gate.parse(gate)


def test_gates_that_could_never_be_ruled_on_are_told() -> None:
    rate = LOAD.model_copy(update={"arrivals": True})
    open_loop = scenario_of([RAW, TWO], 1).model_copy(update={"load": rate})
    gates = [Gate.parse("throughput < -5%")]
    gate = {"gate": GateTable(fail_on=("throughput < -5%",))}
    assert find_inapplicable_gates(scenario_of([RAW, TWO], 1).model_copy(update=gate)) == []
    assert "limit p99 instead" in find_inapplicable_gates(open_loop.model_copy(update=gate))[0]
    assert find_gates_without_baseline(gates, scenario_of([RAW, TWO], 1)) == []
    assert "nothing to compare raw with" in find_gates_without_baseline(gates, scenario_of([RAW], 1))[0]


def test_a_gate_on_any_percentile_is_judged_with_the_usual_ones_and_has_a_row(tmp_path: Path) -> None:
    gate = GateTable(fail_on=("p95 > +10%", "p95 < 1.9ms", "p50 < 1s"))
    scenario = scenario_of([RAW, TWO], 5).model_copy(update={"gate": gate})
    records = [record(block, each, 1000 + block) for block in range(1, 6) for each in (RAW, TWO)]
    report = RunReport(made_run(tmp_path, scenario, records))
    plain = RunReport(made_run(tmp_path, scenario_of([RAW, TWO], 5), records))
    assert set(report.comparisons) - set(plain.comparisons) == {("cluster-2", "p95")}
    assert [row.metric.name for row in report.rows if row.topology == "raw"][-1] == "p95"
    figure = next(row.after for row in report.rows if row.metric.name == "p95")
    assert figure is not None
    assert figure.value == pytest.approx(1.95, rel=0.01)
    assert {(each.gate.text, each.topology): each.outcome for each in report.gate_results} == {
        ("p95 > +10%", "cluster-2"): Outcome.PASSED,
        ("p95 < 1.9ms", "raw"): Outcome.FAILED,
        ("p95 < 1.9ms", "cluster-2"): Outcome.FAILED,
        ("p50 < 1s", "raw"): Outcome.PASSED,
        ("p50 < 1s", "cluster-2"): Outcome.PASSED,
    }
    assert '"metric": "p95"' in render_json(report)
    assert "1.95 ms" in render_junit(report)
