"""How clusters scale, from the records of a run."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.analysis.comparison import compare_trials
from harness.analysis.scaling import FamilyScaling, scaling_of
from harness.analysis.trials import trials_of
from harness.load.spec import Arrivals
from harness.scenario import ScenarioLoad, Topology
from harness.stats.scaling import WhichLaw
from harness.stats.sequential import SINGLE_LOOK
from harness.stats.verdict import Verdict
from tests.made_runs import LOAD, record, scenario_of, topology

RAW = topology("raw", baseline=True)
ONE, TWO, THREE, FOUR = (topology(f"cluster-{n}", workers=n) for n in (1, 2, 3, 4))


def scaled(
    rates: Sequence[tuple[Topology, Sequence[float]]], cores: int = 8, load: ScenarioLoad = LOAD, wanted_s: float = 0.95
) -> list[FamilyScaling]:
    """Rates of each topology, block by block; a trial whose rate is zero was not made. Each worker wanted so much CPU
    in one second, and got half of it; the generator used a tenth of a core."""
    scenario = scenario_of([each for each, _ in rates], 3).model_copy(update={"load": load})
    records = [
        record(block, each, rate, cpu_s=wanted_s / 2, run_delay_s=wanted_s / 2, cores=cores)
        for each, of_blocks in rates
        for block, rate in enumerate(of_blocks, start=1)
        if rate
    ]
    trials = trials_of(records, [each.name for each in scenario.topologies])
    return scaling_of(scenario, trials, compare_trials(scenario, SINGLE_LOOK, trials))


LINEAR = [
    (RAW, [102, 103, 101]),
    (ONE, [100, 101, 99]),
    (TWO, [190, 192, 188]),
    (THREE, [270, 273, 268]),
    (FOUR, [340, 344, 337]),
]


def test_efficiency_price_and_laws_of_a_family() -> None:
    (family,) = scaled(LINEAR)
    assert family.family == "cluster-N"
    assert [point.workers for point in family.points] == [1, 2, 3, 4]
    assert family.points[0].efficiency is None
    assert family.points[1].efficiency is not None
    assert family.points[1].efficiency.value == pytest.approx(0.95, abs=0.005)
    assert family.supervisor_overhead is not None
    assert family.supervisor_overhead.change.value == pytest.approx(100 / 102, rel=0.01)
    assert family.supervisor_overhead.verdict is not Verdict.BETTER
    assert family.laws is not None
    assert family.laws.law in (WhichLaw.CANNOT_TELL, WhichLaw.UNIVERSAL)
    assert family.why_not is None


def test_who_wants_more_cores_than_there_are_is_oversubscribed_and_not_fitted() -> None:
    (family,) = scaled(LINEAR, cores=3)
    assert [point.is_oversubscribed for point in family.points] == [False, False, False, True]
    assert family.laws is not None
    (small,) = scaled(LINEAR, cores=2)
    assert small.laws is None
    assert small.why_not == "a law of scaling needs 3 different numbers of workers, there are 2"


def test_workers_that_wait_are_fitted_however_few_cores_there_are() -> None:
    """A server that sleeps: four workers of it use a tenth of the one free core."""
    (family,) = scaled(LINEAR, cores=2, wanted_s=0.05)
    assert not any(point.is_oversubscribed for point in family.points)
    assert family.laws is not None


def test_only_rounds_that_hold_all_count() -> None:
    (family,) = scaled([(RAW, [100, 100, 100]), (ONE, [100, 100, 50]), (TWO, [180, 180, 0])])
    assert family.points[1].efficiency is not None
    assert family.points[1].efficiency.n == 2
    assert family.points[1].efficiency.value == pytest.approx(0.9)


def test_a_supervisor_has_no_price_beside_another() -> None:
    baseline = ONE.model_copy(update={"baseline": True})
    (family,) = scaled([(baseline, [100, 101]), (TWO, [180, 182])])
    assert family.supervisor_overhead is None


def test_nor_has_it_one_at_another_commit() -> None:
    """One worker is compared with itself there, not with the process without a supervisor."""
    pairs = scenario_of([RAW, ONE, TWO], 1).on_two_commits(Path("/base"), Path("/head")).topologies
    families = scaled([(each, [100, 101, 99]) for each in pairs])
    assert [each.family for each in families] == ["cluster-N-base", "cluster-N-head"]
    assert not any(each.supervisor_overhead for each in families)


def test_nothing_scales_that_comes_in_one_size_or_under_an_offered_rate() -> None:
    assert scaled([(RAW, [100, 101]), (TWO, [180, 182])]) == []
    assert scaled(LINEAR, load=LOAD.model_copy(update={"arrivals": Arrivals(rate_per_s=100.0)})) == []
