"""When a run with automatic rounds has said enough: its first sentence is decided, and no gate is open."""

from pathlib import Path

import pytest

from harness.analysis.comparison import Comparison, Comparisons, Pairs, decisive_comparisons, has_converged
from harness.analysis.gates import have_open_gates
from harness.analysis.metrics import CPU, ERRORS, P99, THROUGHPUT, Metric
from harness.report.run_report import RunReport
from harness.scenario import Gate, Scenario
from harness.stats.evidence import Differences, Evidence, Ratios
from harness.stats.paired import Paired
from harness.stats.verdict import Judgement, Verdict
from tests.changed_runs import Made, clusters_of, run_of
from tests.made_runs import scenario_of, topology

RAW = topology("raw", baseline=True)
CLUSTERS = scenario_of([RAW, *(topology(f"cluster-{workers}", workers=workers) for workers in (1, 2, 4))], 1)
COMMITS = scenario_of([RAW], 1).on_two_commits(Path("/base"), Path("/head"))
OPEN, SAME, BETTER, WORSE = Verdict.INCONCLUSIVE, Verdict.EQUIVALENT, Verdict.BETTER, Verdict.WORSE
MARGINS = {P99: 0.1}


def compared(of: str, metric: Metric, verdict: Verdict, gain: float = 0.0, half_width: float = 0.002) -> Comparison:
    """With this verdict, and an interval of about so much around the gain, both as logarithms."""
    logs = tuple(gain + half_width * sign for sign in (1, -1) * 4)
    evidence: Evidence = Ratios(Paired(logs), MARGINS.get(metric, 0.02))
    if metric is ERRORS:
        evidence = Differences(tuple(-gain for _ in logs), 0.001)
    pairs = Pairs(metric, (1.0,) * len(logs), (1.0,) * len(logs), evidence)
    return Comparison(of, pairs, Judgement(evidence, verdict, 0.02, 0.02))


def together(*comparisons: Comparison) -> Comparisons:
    return {(each.topology, each.metric.name): each for each in comparisons}


def is_decided(scenario: Scenario, *comparisons: Comparison) -> bool:
    return has_converged(together(*comparisons), scenario, {each.topology for each in comparisons})


@pytest.mark.parametrize(("metric", "decided"), [(THROUGHPUT, False), (CPU, False), (P99, True)])
def test_of_two_commits_speed_and_its_price_need_a_verdict_however_precise_they_are(
    metric: Metric, decided: bool
) -> None:
    verdicts = dict.fromkeys((THROUGHPUT, CPU, P99), SAME) | {metric: OPEN}
    found = [compared("raw-head", each, verdict) for each, verdict in verdicts.items()]
    assert is_decided(COMMITS, *found) is decided


@pytest.mark.parametrize(("half_width", "decided"), [(0.1, True), (0.3, False)])
def test_what_no_first_sentence_depends_on_needs_an_interval_in_proportion_to_its_margin(
    half_width: float, decided: bool
) -> None:
    """±15 % of a p99."""
    p99 = compared("raw-head", P99, OPEN, half_width=half_width)
    assert is_decided(COMMITS, compared("raw-head", THROUGHPUT, SAME), p99) is decided


def test_under_a_precision_an_interval_is_enough_for_all() -> None:
    is_open = compared("raw-head", THROUGHPUT, OPEN, half_width=0.02)
    for precision, decided in ((0.05, True), (0.01, False)):
        assert is_decided(COMMITS.model_copy(update={"precision": precision}), is_open) is decided


def test_no_topology_may_be_open_while_none_is_better() -> None:
    one, two = compared("cluster-1", THROUGHPUT, WORSE, -0.5), compared("cluster-2", THROUGHPUT, OPEN, -0.4)
    assert not is_decided(CLUSTERS, one, two)
    assert is_decided(CLUSTERS, one)


@pytest.mark.parametrize(("gain", "decided"), [(0.0, True), (0.59, False)])
def test_what_can_not_be_the_best_is_not_waited_for(gain: float, decided: bool) -> None:
    best, other = compared("cluster-2", THROUGHPUT, BETTER, 0.6), compared("cluster-4", THROUGHPUT, OPEN, gain, 0.02)
    assert is_decided(CLUSTERS, best, other) is decided
    assert (("cluster-4", "throughput") in decisive_comparisons(together(best, other), CLUSTERS)) is not decided


@pytest.mark.parametrize(("connections", "decided"), [(1, True), (8, False)])
def test_over_each_number_of_connections_there_is_a_best(connections: int, decided: bool) -> None:
    """One over 1 connection says nothing of those over 8."""
    pair = [RAW, topology("cluster-2", workers=2), topology("cluster-4", workers=4)]
    swept = scenario_of([each.over(number) for number in (1, 8) for each in pair], 1)
    best = compared("cluster-2-c1", THROUGHPUT, BETTER, 0.6)
    other = compared(f"cluster-4-c{connections}", THROUGHPUT, OPEN, 0.1, 0.02)
    assert is_decided(swept, best, other) is decided


def test_the_best_is_one_that_does_not_fail_more() -> None:
    best, other = compared("cluster-2", THROUGHPUT, BETTER, 0.6), compared("cluster-4", THROUGHPUT, OPEN, 0.0)
    assert not is_decided(CLUSTERS, best, other, compared("cluster-2", ERRORS, WORSE, -0.1))


def test_a_topology_that_was_not_compared_is_waited_for() -> None:
    assert not has_converged(together(compared("cluster-2", THROUGHPUT, BETTER, 0.6)), CLUSTERS, ["cluster-4"])


def test_a_gate_that_failed_for_certain_closes_the_others() -> None:
    gates = [Gate.parse("throughput < -5%"), Gate.parse("p99 > +10%")]
    p99 = compared("raw-head", P99, OPEN, -0.095, 0.02)
    for verdict, is_open in ((WORSE, False), (OPEN, True)):
        assert have_open_gates(gates, together(compared("raw-head", THROUGHPUT, verdict, -0.2), p99)) is is_open
    assert have_open_gates(gates, together(compared("raw-head", THROUGHPUT, SAME), p99))


@pytest.mark.parametrize("scatter", [0.005, 0.01, 0.02, 0.04])
@pytest.mark.parametrize("factor", [0.7, 0.98, 1.0, 1.02, 1.5])
def test_the_first_sentence_of_what_is_decided_is_an_answer(tmp_path: Path, factor: float, scatter: float) -> None:
    made = Made(requests=factor, p99=1.05, cpu=1 / factor, scatter=scatter)
    commits, clusters = run_of(tmp_path / "commits", made), clusters_of(tmp_path / "clusters", {1: made, 2: Made()})
    for run in (commits, clusters):
        report = RunReport(run)
        decided = has_converged(report.comparisons, run.scenario, [after.name for _, after in run.scenario.pairs])
        assert not (decided and report.headline.startswith(("**Can't tell", "**No answer yet")))
    assert RunReport(commits).comparisons["raw-head", "throughput"].is_settled or scatter > 0.005
