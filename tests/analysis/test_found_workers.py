"""The number of workers that was found is the one that everything is reckoned with."""

from dataclasses import replace
from typing import Final

import pytest

from harness.analysis.comparison import compare_trials
from harness.analysis.imbalance import imbalance_of
from harness.analysis.scaling import scaling_of
from harness.analysis.trials import Trial, have_equal_workers, median_workers, trials_of, valid_trials
from harness.record import TrialRecord, WorkerCounts
from harness.scenario import Topology
from harness.stats.sequential import SINGLE_LOOK
from tests.made_runs import LOAD, record, scenario_of, topology

POOL: Final = topology("pool", baseline=True).model_copy(update={"workers_as_found": True})
ONE: Final = topology("cluster-1", workers=1)
TWO: Final = topology("cluster-2", workers=2)


def with_found(made: TrialRecord, number: int) -> TrialRecord:
    """The same, in which so many were found."""
    counts = WorkerCounts(ready=number, found=number, least=number, most=number, at_end=number)
    return made.model_copy(update={"worker_counts": counts})


def found(*numbers: int) -> tuple[Trial, ...]:
    """Trials of the pool in which so many were found."""
    made = [with_found(record(block, POOL, 100), number) for block, number in enumerate(numbers, start=1)]
    return valid_trials(made, POOL.name)


@pytest.mark.parametrize("numbers", [(1, 1, 4), (4, 1, 1)])
def test_a_pool_has_the_median_of_its_trials(numbers: tuple[int, ...]) -> None:
    assert median_workers(found(*numbers)) == 1


def test_topologies_are_alike_by_what_was_found() -> None:
    single = valid_trials([record(1, ONE, 100)], ONE.name)
    assert have_equal_workers(found(1), single)
    assert not have_equal_workers(found(2), single)
    assert not have_equal_workers((), found(1))


def test_what_was_declared_goes_before_what_was_found() -> None:
    assert with_found(record(1, TWO, 100), 1).number_of_workers == 2


def test_workers_that_came_and_went_are_not_compared() -> None:
    (kept,) = valid_trials([record(1, TWO, 400, served=[400, 0])], TWO.name)
    assert imbalance_of([kept], LOAD) is not None
    assert imbalance_of([replace(kept, number_of_workers=1)], LOAD) is None


def has_price(baseline: Topology, number: int, supervisor: str = "") -> bool:
    """Whether it is what a supervisor's price is told by, with so many workers found in it, under such a program."""
    rates = {baseline.name: (baseline, 102), ONE.name: (ONE, 100), TWO.name: (TWO, 190)}
    records = [record(block, of, rate + block) for block in (1, 2, 3) for of, rate in rates.values()]
    records = [
        with_supervisor(with_found(each, number), supervisor) if each.topology == baseline.name else each
        for each in records
    ]
    scenario = scenario_of([baseline, ONE, TWO], 3)
    trials = trials_of(records, [each.name for each in scenario.topologies])
    families = scaling_of(scenario, trials, compare_trials(scenario, SINGLE_LOOK, trials))
    return next(family for family in families if family.family == "cluster-N").supervisor_overhead is not None


def with_supervisor(made: TrialRecord, program: str) -> TrialRecord:
    """The same, whose workers run Python, under a supervisor of this program if any."""
    assert made.usage
    worker = made.usage.processes[0].model_copy(update={"program": "python3.11"})
    above = [worker.model_copy(update={"pid": 9, "role": "supervisor", "program": program})] if program else []
    return made.model_copy(update={"usage": made.usage.model_copy(update={"processes": [worker, *above]})})


def test_only_a_process_without_a_supervisor_tells_what_one_costs() -> None:
    raw = topology("raw", baseline=True)
    assert has_price(raw, 1)
    assert has_price(raw, 1, supervisor="dash")  # a shell that waits for it
    assert not has_price(raw, 1, supervisor="python3.11")
    assert not has_price(POOL, 2)
    assert not has_price(topology("other-1", workers=1, baseline=True), 1)
