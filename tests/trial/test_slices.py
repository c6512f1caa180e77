"""A round in slices: its topologies take turns, and what befalls one of them does not touch the others."""

import os
import signal
from collections.abc import Callable, Collection, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import psutil
import pytest

from harness.generator.asking import ProbeResponse
from harness.load.cpus import Placement
from harness.measure.progress import Phase, Progress, Watch
from harness.measure.schedule import count_rotations
from harness.measure.slices import run_sliced_trials
from harness.measure.turns import TURN_OF_PAIR_S
from harness.record import PlannedTrial, TrialRecord
from harness.scenario import Scenario, Topology
from harness.server.probing import ask_again
from harness.server.question import Question
from tests.generator.accounting import assert_adds_up
from tests.server.family import Family
from tests.server.polling import wait_until
from tests.server.topologies import prefork, small
from tests.trial.trials import ignore, scenario

SLICE_S: Final = 0.1  # three of them in a trial
IN_TURNS: Final = pytest.mark.parametrize("turn_s", [None, TURN_OF_PAIR_S], ids=["one by one", "in turns"])
WELL: Final = "well"
HIT: Final = "hit"


def make_round(
    folder: Path,
    topologies: Sequence[Topology],
    watch: Watch = ignore,
    start_timeout_s: float = 20.0,
    turn_s: float | None = None,
) -> dict[str, TrialRecord]:
    """Make one round in slices, which may be measured in turns; the records by topology."""
    around = sliced(scenario(*topologies, start_timeout_s=start_timeout_s))
    trials = [
        PlannedTrial(id=f"r01-{position:02d}-{each.name}", block=1, position=position, seed=1, topology=each)
        for position, each in enumerate(topologies, 1)
    ]
    logs = {planned.id: folder / f"{planned.id}.log" for planned in trials}
    records = run_sliced_trials(trials, around, Placement(), logs, watch, (), turn_s=turn_s)
    assert [record.trial for record in records] == [planned.id for planned in trials]
    return {record.topology: record for record in records}


def sliced(made: Scenario) -> Scenario:
    return made.model_copy(update={"slice_s": SLICE_S})


def named(name: str, topology: Topology) -> Topology:
    return topology.model_copy(update={"name": name})


def test_each_topology_has_a_slice_in_every_rotation_and_nobody_else_one_at_that_time(tmp_path: Path) -> None:
    one, two = named("one", small("page")), named("two", prefork(2))
    records = make_round(tmp_path, [one, two])
    assert [record.status for record in records.values()] == ["ok", "ok"]
    rotations = count_rotations(sliced(scenario(one)))
    assert {len(record.slices) for record in records.values()} == {rotations} == {3}
    turns = sorted((part.begin_s, name, part) for name, record in records.items() for part in record.slices)
    for (begin_s, _, part), (next_s, _, _) in pairwise(turns):
        assert begin_s + part.lead_in_s + part.duration_s <= next_s
    for first in range(0, len(turns), 2):
        assert {name for _, name, _ in turns[first : first + 2]} == {"one", "two"}


def test_the_record_of_a_trial_is_the_sum_of_its_slices(tmp_path: Path) -> None:
    for record in make_round(tmp_path, [named("one", small("page")), named("two", prefork(2))]).values():
        assert record.load
        assert record.usage
        assert_adds_up(record.load, windows=len(record.slices))
        assert record.load.requests == sum(part.requests for part in record.slices)
        assert record.usage.requests == sum(part.answered for part in record.slices)
        assert record.usage.requests > record.load.requests
        assert all(part.pace_us and part.window_pace_us for part in record.slices)
        assert any(part.pace_us != part.window_pace_us for part in record.slices)  # it has fewer readings
        assert record.usage.cpu_s == pytest.approx(sum(part.cpu_s for part in record.slices), abs=1e-6)
        assert len(record.usage.series) == len(record.load.series) == len(record.slices)
        assert record.usage.series[-1].all_cpu_s == pytest.approx(record.usage.cpu_s, abs=0.02)
        assert record.usage.series[-1].answered == record.usage.requests
        assert record.worker_counts
        assert record.worker_counts.least == record.worker_counts.most == (record.workers or 1)


def test_a_body_that_one_sends_all_the_time_costs_the_others_no_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[frozenset[str]] = []

    def ask(
        page: Question, before: Sequence[ProbeResponse], answered_s: float, workers: int, bodies: Collection[str]
    ) -> list[ProbeResponse]:
        known.append(frozenset(bodies))
        return ask_again(page, before, answered_s, workers, bodies)

    monkeypatch.setattr("harness.server.readiness.ask_again", ask)
    records = make_round(tmp_path, [named("one", small("page")), named("two", small("page"))])
    assert known == [frozenset(), frozenset({records["one"].body_sha256})]


def test_the_order_within_rotations_is_drawn_anew(tmp_path: Path) -> None:
    around = scenario(small("page")).model_copy(update={"slice_s": 0.02})  # 15 rotations
    trials = [
        PlannedTrial(id=f"r01-{name}", block=1, position=1, seed=1, topology=named(name, small("page")))
        for name in ("one", "two")
    ]
    logs = {planned.id: tmp_path / planned.id for planned in trials}
    one, two = run_sliced_trials(trials, around, Placement(), logs, ignore, ())
    firsts = [was.begin_s < other.begin_s for was, other in zip(one.slices, two.slices, strict=True)]
    assert len(set(firsts)) == 2


def test_a_topology_that_does_not_start_fails_and_the_others_count(tmp_path: Path, family: Family) -> None:
    records = make_round(tmp_path, [named(HIT, small("exits_at_once")), named(WELL, small("page"))])
    assert records[HIT].status == "failed"
    assert records[HIT].slices == []
    assert records[WELL].status == "ok"
    assert len(records[WELL].slices) == 3
    assert family.alive() == []


def test_one_that_answers_badly_does_not_count_and_the_others_do(tmp_path: Path) -> None:
    bad = named(HIT, small("exhausted"))
    records = make_round(tmp_path, [bad, named(WELL, small("page"))])
    assert records[HIT].status == "invalid"
    assert "no request got a good response" in str(records[HIT].reason)
    assert records[WELL].status == "ok"


def find(word: str) -> psutil.Process:
    """The guardian of the server with this word in its command line."""
    for child in psutil.Process().children():
        if any(word in " ".join(each.cmdline()) for each in child.children(recursive=True)):
            return child
    raise AssertionError(f"no server with {word}")


VICTIMS: Final[dict[str, Callable[[], psutil.Process]]] = {
    "server": lambda: find("prefork").children()[0],
    "worker": lambda: find("prefork").children(recursive=True)[-1],
    "guardian": lambda: find("prefork"),
    "generator": lambda: min(
        (child for child in psutil.Process().children() if "harness.generator" in child.cmdline()),
        key=lambda child: child.pid,
    ),
}
REASONS: Final = {
    "server": "killed by signal 9",
    "worker": "SIGKILL",
    "guardian": "its guardian has ended",
    "generator": "exit code -9",
}


def once(phase: Phase, act: Callable[[], object]) -> Watch:
    """Do something once, as the phase of the topology that is to be hit begins."""
    waiting = [act]

    def watch(progress: Progress) -> None:
        if (progress.phase, progress.topology) == (phase, HIT) and waiting:
            waiting.pop()()

    return watch


@pytest.mark.faults
@IN_TURNS
@pytest.mark.parametrize("phase", [Phase.WARMING_UP, Phase.MEASURING], ids=lambda phase: str(phase.value))
@pytest.mark.parametrize("victim", VICTIMS)
def test_who_is_killed_spoils_its_own_trial_alone(
    victim: str, phase: Phase, turn_s: float | None, tmp_path: Path, family: Family
) -> None:
    watch = once(phase, lambda: VICTIMS[victim]().kill())
    topologies = [named(HIT, prefork(2)), named(WELL, small("page"))]
    records = make_round(tmp_path, topologies, watch, turn_s=turn_s)
    assert records[HIT].status == ("invalid" if victim == "worker" else "failed")
    assert REASONS[victim] in str(records[HIT].reason)
    assert records[WELL].status == "ok"
    assert len(records[WELL].slices) == 3
    wait_until(lambda: not family.alive(), "everybody to be gone")


@pytest.mark.faults
def test_a_server_that_hangs_between_slices_is_invalid_and_the_others_count(
    tmp_path: Path, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.server.supervised.GRACE_S", 0.3)

    def hang() -> None:
        for process in find("prefork").children(recursive=True):
            process.send_signal(signal.SIGSTOP)

    topologies = [named(HIT, prefork(2)), named(WELL, small("page"))]
    records = make_round(tmp_path, topologies, once(Phase.MEASURING, hang))
    assert records[HIT].status == "invalid"
    assert "was stopped for" in str(records[HIT].reason)
    assert records[HIT].slices[-1].requests == 0
    assert records[HIT].slices[-1].undrained > 0
    assert records[WELL].status == "ok"
    wait_until(lambda: not family.alive(), "everybody to be gone")


@pytest.mark.faults
@IN_TURNS
@pytest.mark.parametrize("phase", list(Phase), ids=lambda phase: str(phase.value))
def test_a_harness_that_is_killed_leaves_nobody(
    phase: Phase, turn_s: float | None, tmp_path: Path, family: Family
) -> None:
    pid = os.fork()
    if not pid:
        make_round(
            tmp_path,
            [named(HIT, prefork(2)), named(WELL, small("page"))],
            once(phase, lambda: os.kill(os.getpid(), signal.SIGKILL)),
            turn_s=turn_s,
        )
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    wait_until(lambda: not family.alive(), "everybody to be gone")
