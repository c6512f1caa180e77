"""When a comparison ends by itself: the rounds, with simulated trials and a clock that only they move."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.measure.compare import compare, resume
from harness.measure.preparation import prepare
from harness.measure.round_plan import ResumedFrom
from harness.measure.schedule import expected_rounds
from harness.record import Run, read_run
from harness.report.run_report import RunReport
from harness.scenario import GateTable, Topology
from tests.made_runs import LOAD, record, scenario_of, topology
from tests.rehearsal.service import Service
from tests.rehearsal.testbed import STOP_S, VirtualTestbed
from tests.trial.test_compare import Silent
from tests.two_commits import BASE, HEAD

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


def commits_measured(tmp_path: Path, testbed: VirtualTestbed, **settings: object) -> Run:
    """A comparison of raw at two commits, of which the head is as cluster-2 is in :func:`steady`, without the second
    worker."""
    head = replace(testbed.services["cluster-2"], mean_ms=testbed.services["cluster-2"].mean_ms / 2)
    services = {"raw-base": testbed.services["raw"], "raw-head": head}
    scenario = scenario_of([RAW], 1).on_two_commits(tmp_path, tmp_path)
    scenario = scenario.model_copy(update={"rounds": None, **settings})
    prepared = prepare(scenario, 1, (BASE, HEAD))
    return read_run(compare(prepared, tmp_path, "harness ab it", Silent(), replace(testbed, services=services)))


def first_sentence(run: Run) -> str:
    """What stands in bold."""
    return RunReport(run).headline.split("**")[1]


def reason(run: Run) -> str | None:
    return run.ending.reason if run.ending else None


def test_a_great_difference_ends_the_run_at_the_first_look(tmp_path: Path) -> None:
    run = measured(tmp_path, steady(2.0, 0.004))
    assert (reason(run), max(record.block for record in run.records)) == ("sure", 6)
    assert run.info.looks[:2] == (6, 10)
    assert run.is_whole


def test_a_precise_interval_ends_it_too(tmp_path: Path) -> None:
    """4 % are neither shown nor excluded after six rounds, but known to the third part."""
    run = measured(tmp_path, steady(1.03, 0.012), precision=0.5)
    assert (reason(run), max(record.block for record in run.records)) == ("sure", 6)


@pytest.mark.parametrize("factor", [1.0, 1.03])
@pytest.mark.parametrize("is_of_commits", [False, True])
def test_a_precise_interval_and_a_decided_gate_are_no_answer(
    tmp_path: Path, is_of_commits: bool, factor: float
) -> None:
    """It goes on until the first sentence is one, and no longer."""
    make = commits_measured if is_of_commits else measured
    settings = {"gate": GateTable(fail_on=("throughput < -50%",)), "max_time_s": 300.0}
    precise = make(tmp_path / "precise", steady(factor, 0.012), precision=0.03, **settings)
    whole = make(tmp_path / "whole", steady(factor, 0.012), **settings)
    assert "Can't tell: " in first_sentence(precise) or first_sentence(precise) == "No answer yet"
    assert "Can't tell: requests/s" not in first_sentence(whole)
    assert first_sentence(whole) != "No answer yet"
    rounds = [max(record.block for record in run.records) for run in (precise, whole)]
    assert rounds[0] < rounds[1]
    assert reason(whole) == "sure"


@pytest.mark.parametrize(("gate", "rounds"), [("throughput < -50%", 6), ("throughput > +3%", 24), ("p99 < 1s", 6)])
def test_it_goes_on_while_a_gate_can_not_be_told(tmp_path: Path, gate: str, rounds: int) -> None:
    """However precise the interval is, as long as it holds the limit."""
    run = measured(tmp_path, steady(1.03, 0.012), precision=0.5, gate=GateTable(fail_on=(gate,)), max_time_s=150.0)
    assert reason(run) == ("out of time" if rounds == 24 else "sure")
    assert max(record.block for record in run.records) == rounds


@pytest.mark.parametrize(
    ("interleave", "trial_s", "expected", "rounds", "looks"),
    [
        ("trials", 5.0, 15, 15, (6, 10, 15)),
        ("trials", 10.0, 15, 7, (6, 7)),
        ("slices", 5.0, 21, 24, (6, 10, 16, 24)),
        ("slices", 10.0, 21, 9, (6, 9)),
    ],
)
def test_without_an_answer_it_goes_on_while_there_is_time(
    tmp_path: Path, interleave: str, trial_s: float, expected: int, rounds: int, looks: tuple[int, ...]
) -> None:
    """Fifteen rounds were expected for 150 s, or more where the first are shorter than the window. The first six show
    how long they take and, in slices, that launches differ and slices do not: the rest of the rounds is made shorter,
    so that there are more of them."""
    testbed = steady(1.0, 0.3, trial_s)
    run = measured(tmp_path, testbed, max_time_s=150.0, interleave=interleave)
    assert reason(run) == "out of time"
    assert max(record.block for record in run.records) == rounds
    assert expected_rounds(run.scenario) == 15
    assert run.info.looks[-1] == expected
    assert run.looks == looks
    assert testbed.elapsed_s <= 150.0 + 1.0
    lengths = [len(record.slices) for record in run.records]
    assert lengths == ([0] * len(lengths) if interleave == "trials" else [3] * 12 + [2] * (2 * rounds - 12))


def test_a_run_that_is_gone_on_with_keeps_to_the_plan_of_its_pilot(tmp_path: Path) -> None:
    """It was interrupted after the eighth round, of which two had been shorter."""
    testbed = replace(steady(1.0, 0.3), interrupt_at=17)
    scenario = scenario_of([RAW, TWO], 1).model_copy(update={"rounds": None, "max_time_s": 150.0})
    path = compare(prepare(scenario, 1), tmp_path, "harness compare it", Silent(), testbed)
    assert len(read_run(path).records) == 16
    run = read_run(path)
    resume(run, prepare(scenario, 1), Silent(), testbed)
    lengths = [len(record.slices) for record in read_run(path).records]
    assert lengths == [3] * 12 + [2] * (len(lengths) - 12)
    assert len(lengths) > 30


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


@pytest.mark.parametrize(("max_time_s", "slices", "rounds"), [(600.0, 3, 85), (60.0, 2, 10), (30.0, 2, 5)])
def test_the_first_rounds_are_short_and_shorter_where_the_time_is(
    tmp_path: Path, max_time_s: float, slices: int, rounds: int
) -> None:
    """A large change is to show soon. In little time there would be too few of them for a verdict otherwise."""
    run = measured(tmp_path, steady(1.0, 0.3), max_time_s=max_time_s)
    assert len(run.records[0].slices) == slices
    assert run.info.looks[-1] == rounds


def test_when_the_time_is_out_before_the_first_look_there_is_one_then(tmp_path: Path) -> None:
    """All of the level is left for it, since the time does not depend on what was measured."""
    run = measured(tmp_path, steady(2.0, 0.004, trial_s=10.0), max_time_s=60.0)
    assert (reason(run), run.info.looks, run.looks) == ("out of time", (6, 10), (3,))
    assert first_sentence(run) == "Run `cluster-2`"


def test_the_pauses_of_an_interrupted_run_are_none_of_its_time() -> None:
    """Trials began after 0, 10 and 20 s; it was interrupted for an hour, gone on with, and made two more."""
    began_at = datetime(2026, 1, 2, tzinfo=UTC)
    at = [began_at + timedelta(seconds=second) for second in (0, 10, 20, 3625, 3635)]
    records = [record(1, RAW, 100).model_copy(update={"started_at": each}) for each in at]
    resumed_at = [began_at + timedelta(seconds=3620)]
    assert ResumedFrom(began_at, records).elapsed_s == 3635
    made = ResumedFrom(began_at, records, resumed_at)
    assert made.elapsed_s == 35  # 20 s, and 15 s since it was gone on with
    assert made.count_time_s(at[2]) == 20
    assert ResumedFrom(began_at, []).elapsed_s == 0
