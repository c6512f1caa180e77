"""When a comparison ends by itself: the rounds, with trials made up and a clock that only they move."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.load.cpus import Placement
from harness.measure import compare as module
from harness.measure.compare import compare
from harness.measure.preparation import prepare
from harness.measure.schedule import most_rounds
from harness.record import PlannedTrial, Run, TrialRecord, read_run
from harness.scenario import GateTable, Scenario, Topology
from tests.made_runs import record, scenario_of, topology
from tests.trial.test_compare import Silent

pytestmark = pytest.mark.compares

FOUND = {"command": ("true", "{port}")}  # a program that is there, though nobody starts it
RAW, TWO, DOWN = (
    each.model_copy(update=FOUND)
    for each in (topology("raw", baseline=True), topology("cluster-2", workers=2), topology("down"))
)

Rate = Callable[[PlannedTrial], float]


@pytest.fixture
def clock_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds since the beginning."""
    now_s = [0.0]
    monkeypatch.setattr("harness.measure.compare.time.monotonic", lambda: now_s[0])
    return now_s


def measured_with(monkeypatch: pytest.MonkeyPatch, clock_s: list[float], rate: Rate, trial_s: float = 5.0) -> None:
    """Every trial takes so long and comes to this rate; none at all when it is zero."""

    def run_trial(planned: PlannedTrial, scenario: Scenario, placement: Placement, *_: object) -> TrialRecord:
        clock_s[0] += trial_s
        rate_per_s, workers = rate(planned), planned.topology.workers or 1
        made = (
            record(planned.block, planned.topology, rate_per_s, served=[50] * workers)
            if rate_per_s
            else record(planned.block, planned.topology, 0, status="failed", reason="it did not start")
        )
        return made.model_copy(update={"trial": planned.id})

    monkeypatch.setattr("harness.measure.rounds.run_trial", run_trial)
    monkeypatch.setattr(module, "checkup", lambda *_: [])  # which takes half a second


def made(tmp_path: Path, *topologies: Topology, **settings: object) -> Run:
    """A comparison of raw and cluster-2 with as many rounds as it takes."""
    scenario = scenario_of(list(topologies) or [RAW, TWO], 1).model_copy(update={"rounds": None, **settings})
    return read_run(compare(prepare(scenario, 1), tmp_path, "harness compare it", Silent()))


def reason(run: Run) -> str | None:
    return run.ending.reason if run.ending else None


def steady(factor: float, scatter: float) -> Rate:
    """Raw at 100/s, the other at a multiple of it, with some noise."""
    dice = np.random.default_rng(3)
    return lambda planned: 100 * (1 if planned.topology.baseline else factor) * float(np.exp(dice.normal(0, scatter)))


def test_a_great_difference_ends_the_run_at_the_first_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock_s: list[float]
) -> None:
    measured_with(monkeypatch, clock_s, steady(2.0, 0.004))
    run = made(tmp_path)
    assert (reason(run), max(record.block for record in run.records)) == ("sure", 6)
    assert run.info.looks[:2] == (6, 9)
    assert run.is_whole


def test_a_precise_interval_ends_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock_s: list[float]) -> None:
    """4 % are neither shown nor excluded after six rounds, but known to the third part."""
    measured_with(monkeypatch, clock_s, steady(1.03, 0.012))
    run = made(tmp_path, precision=0.5)
    assert (reason(run), max(record.block for record in run.records)) == ("sure", 6)


@pytest.mark.parametrize(("gate", "rounds"), [("throughput < -50%", 5), ("throughput > +3%", 12), ("p99 < 1s", 5)])
def test_it_goes_on_while_a_gate_can_not_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock_s: list[float], gate: str, rounds: int
) -> None:
    """However precise the interval is, as long as it holds the limit."""
    measured_with(monkeypatch, clock_s, steady(1.03, 0.012))
    run = made(tmp_path, precision=0.5, gate=GateTable(fail_on=(gate,)), max_time_s=150.0)
    assert reason(run) == ("out of time" if rounds == 12 else "sure")
    assert max(record.block for record in run.records) == rounds


@pytest.mark.parametrize(("trial_s", "rounds"), [(5.0, 12), (10.0, 7)])
def test_without_an_answer_it_goes_on_while_there_is_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock_s: list[float], trial_s: float, rounds: int
) -> None:
    """Twelve rounds of 12 s were planned for 150 s; where they take 20 s, there is time for seven."""
    measured_with(monkeypatch, clock_s, steady(1.0, 0.3), trial_s)
    run = made(tmp_path, max_time_s=150.0)
    assert reason(run) == "out of time"
    assert max(record.block for record in run.records) == rounds
    assert most_rounds(run.scenario) == run.info.looks[-1] == 12


def test_a_topology_that_never_comes_up_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock_s: list[float]
) -> None:
    rate = steady(2.0, 0.004)
    measured_with(monkeypatch, clock_s, lambda planned: 0 if planned.topology.name == DOWN.name else rate(planned))
    run = made(tmp_path, RAW, TWO, DOWN)
    assert (reason(run), max(record.block for record in run.records)) == ("sure", 6)


def test_one_round_is_made_however_short_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock_s: list[float]
) -> None:
    measured_with(monkeypatch, clock_s, steady(2.0, 0.004))
    run = made(tmp_path, max_time_s=1.0)
    assert [record.block for record in run.records] == [1, 1]


def test_a_given_number_of_rounds_is_made_whatever_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock_s: list[float]
) -> None:
    measured_with(monkeypatch, clock_s, steady(2.0, 0.004))
    run = made(tmp_path, rounds=9)
    assert (reason(run), len(run.records), run.info.looks) == ("all rounds", 18, (1,))


def test_the_blocks_of_a_run_are_judged_as_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock_s: list[float]
) -> None:
    """A run that was stopped is the beginning of one that was not: the same seed draws the same order."""
    measured_with(monkeypatch, clock_s, steady(2.0, 0.004))
    short, long = made(tmp_path), made(tmp_path, rounds=9)
    orders = [[(each.block, each.topology) for each in run.records] for run in (short, long)]
    assert list(itertools.islice(orders[1], len(orders[0]))) == orders[0]
