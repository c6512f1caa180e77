"""When a comparison ends by itself: the rounds, with simulated trials and a clock that only they move."""

import itertools
from pathlib import Path

import pytest

from harness.measure.compare import compare
from harness.measure.preparation import prepare
from harness.measure.schedule import max_rounds
from harness.record import Run, read_run
from harness.scenario import GateTable, Topology
from tests.made_runs import LOAD, scenario_of, topology
from tests.rehearsal.service import Service
from tests.rehearsal.testbed import STOP_S, VirtualTestbed
from tests.trial.test_compare import Silent

FOUND = {"command": ("true", "{port}")}  # a program that is there, though nobody starts it
RAW, TWO, DOWN = (
    each.model_copy(update=FOUND)
    for each in (topology("raw", baseline=True), topology("cluster-2", workers=2), topology("down"))
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no code whose state would be recorded."""
    (tmp_path / "service").mkdir()
    monkeypatch.chdir(tmp_path / "service")


def steady(factor: float, scatter: float, trial_s: float = 5.0) -> VirtualTestbed:
    """Raw at 1,000/s, the other at a multiple of it, with some noise; every trial takes so long."""
    start_s = trial_s - LOAD.warmup_s - LOAD.duration_s - STOP_S
    raw, two = (Service(mean_ms=mean_ms, is_constant=True, start_s=start_s) for mean_ms in (1.0, 2.0 / factor))
    down = Service(down="it did not start", start_s=trial_s)
    return VirtualTestbed({"raw": raw, "cluster-2": two, "down": down}, seed=3, scatter=scatter)


def measured(tmp_path: Path, testbed: VirtualTestbed, *topologies: Topology, **settings: object) -> Run:
    """A comparison of raw and cluster-2 with as many rounds as it takes."""
    scenario = scenario_of(list(topologies) or [RAW, TWO], 1).model_copy(update={"rounds": None, **settings})
    return read_run(compare(prepare(scenario, 1), tmp_path, "harness compare it", Silent(), testbed))


def reason(run: Run) -> str | None:
    return run.ending.reason if run.ending else None


def test_a_great_difference_ends_the_run_at_the_first_look(tmp_path: Path) -> None:
    run = measured(tmp_path, steady(2.0, 0.004))
    assert (reason(run), max(record.block for record in run.records)) == ("sure", 6)
    assert run.info.looks[:2] == (6, 9)
    assert run.is_whole


def test_a_precise_interval_ends_it_too(tmp_path: Path) -> None:
    """4 % are neither shown nor excluded after six rounds, but known to the third part."""
    run = measured(tmp_path, steady(1.03, 0.012), precision=0.5)
    assert (reason(run), max(record.block for record in run.records)) == ("sure", 6)


@pytest.mark.parametrize(("gate", "rounds"), [("throughput < -50%", 5), ("throughput > +3%", 12), ("p99 < 1s", 5)])
def test_it_goes_on_while_a_gate_can_not_be_told(tmp_path: Path, gate: str, rounds: int) -> None:
    """However precise the interval is, as long as it holds the limit."""
    run = measured(tmp_path, steady(1.03, 0.012), precision=0.5, gate=GateTable(fail_on=(gate,)), max_time_s=150.0)
    assert reason(run) == ("out of time" if rounds == 12 else "sure")
    assert max(record.block for record in run.records) == rounds


@pytest.mark.parametrize(("trial_s", "rounds"), [(5.0, 12), (10.0, 7)])
def test_without_an_answer_it_goes_on_while_there_is_time(tmp_path: Path, trial_s: float, rounds: int) -> None:
    """Twelve rounds of 12 s were planned for 150 s; where they take 20 s, there is time for seven."""
    run = measured(tmp_path, steady(1.0, 0.3, trial_s), max_time_s=150.0)
    assert reason(run) == "out of time"
    assert max(record.block for record in run.records) == rounds
    assert max_rounds(run.scenario) == run.info.looks[-1] == 12


def test_a_topology_that_never_comes_up_is_not_waited_for(tmp_path: Path) -> None:
    run = measured(tmp_path, steady(2.0, 0.004), RAW, TWO, DOWN)
    assert (reason(run), max(record.block for record in run.records)) == ("sure", 6)


def test_one_round_is_made_however_short_the_time(tmp_path: Path) -> None:
    run = measured(tmp_path, steady(2.0, 0.004), max_time_s=1.0)
    assert [record.block for record in run.records] == [1, 1]


def test_a_given_number_of_rounds_is_made_whatever_they_say(tmp_path: Path) -> None:
    run = measured(tmp_path, steady(2.0, 0.004), rounds=9)
    assert (reason(run), len(run.records), run.info.looks) == ("all rounds", 18, (1,))


def test_the_blocks_of_a_run_are_judged_as_they_come(tmp_path: Path) -> None:
    """A run that was stopped is the beginning of one that was not: the same seed draws the same order."""
    short, long = measured(tmp_path, steady(2.0, 0.004)), measured(tmp_path, steady(2.0, 0.004), rounds=9)
    orders = [[(each.block, each.topology) for each in run.records] for run in (short, long)]
    assert list(itertools.islice(orders[1], len(orders[0]))) == orders[0]
