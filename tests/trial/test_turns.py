"""A round in turns of milliseconds: slices of all topologies at the same time, of whose servers one runs."""

import os
import threading
import time
from itertools import count, pairwise
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from harness.generator.slices import MeasuredSlice
from harness.generator.turns import Turn
from harness.measure import turns
from harness.measure.progress import Phase, Progress
from harness.measure.turns import TURN_OF_PAIR_S
from tests.generator.accounting import assert_adds_up
from tests.server.topologies import prefork, small
from tests.trial.test_slices import find, make_round, named

ONE: Final = "one"
TWO: Final = "two"


def test_all_have_their_slices_at_the_same_time(tmp_path: Path) -> None:
    records = make_round(tmp_path, [named(ONE, small("page")), named(TWO, prefork(2))], turn_s=TURN_OF_PAIR_S)
    assert [record.status for record in records.values()] == ["ok", "ok"]
    for first, second in zip(records[ONE].slices, records[TWO].slices, strict=True):
        assert first.in_turns_s
        assert second.in_turns_s
        assert abs(first.begin_s - second.begin_s) < first.in_turns_s  # they overlap
        # Each has the time of the others too: its own lead-in and window, and as much again at the least.
        assert first.in_turns_s > 1.5 * (first.lead_in_s + first.duration_s)
    for record in records.values():
        assert all(
            was.begin_s + was.in_turns_s <= now.begin_s for was, now in pairwise(record.slices) if was.in_turns_s
        )


def test_the_record_of_a_trial_is_the_sum_of_its_slices(tmp_path: Path) -> None:
    for record in make_round(
        tmp_path, [named(ONE, small("page")), named(TWO, prefork(2))], turn_s=TURN_OF_PAIR_S
    ).values():
        assert record.load
        assert record.usage
        assert_adds_up(record.load, windows=len(record.slices))
        assert record.load.requests == sum(part.requests for part in record.slices)
        assert record.usage.requests == sum(part.answered for part in record.slices)
        assert record.usage.cpu_s == pytest.approx(sum(part.cpu_s for part in record.slices), abs=1e-6)
        machine = record.usage.machine
        cores = len(machine.cores)
        assert machine.busy_s + machine.idle_s + machine.steal_s == pytest.approx(
            cores * record.usage.window_s, rel=0.25
        )
        assert all(part.window_pace_us is None for part in record.slices)


def test_one_server_is_stopped_while_the_other_has_its_turn(tmp_path: Path) -> None:
    """Again and again: more often than there are slices, at the begin of which both are stopped. The supervisor of
    the workers goes on between slices alone."""
    seen: list[tuple[str, ...]] = []
    above: list[str] = []
    is_over, looking = threading.Event(), threading.Event()

    def look() -> None:
        looking.wait()
        one, supervisor = find("servers.page").children()[0], find("prefork").children()[0]
        two = supervisor.children()[0]
        while not is_over.is_set():
            try:
                seen.append((one.status(), two.status(), one.status()))
                above.append(supervisor.status())
            except psutil.NoSuchProcess:
                return

    def watch(progress: Progress) -> None:
        if progress.phase is Phase.MEASURING:
            looking.set()
        if progress.phase is Phase.STOPPING:
            is_over.set()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        make_round(tmp_path, [named(ONE, small("page")), named(TWO, prefork(2))], watch, turn_s=TURN_OF_PAIR_S)
    finally:
        looking.set()
        is_over.set()
        thread.join()
    stopped = psutil.STATUS_STOPPED
    assert any(one == again == stopped != two for one, two, again in seen)
    assert any(two == stopped != one == again for one, two, again in seen)
    having = [one != stopped for one, two, again in seen if one == again and (one == stopped) != (two == stopped)]
    assert sum(was != now for was, now in pairwise(having)) > 6
    going_on = [status != stopped for status in above]
    assert sum(was != now for was, now in pairwise(going_on)) < sum(was != now for was, now in pairwise(having))


class VirtualServer:
    """A server that is stopped late, on a clock of its own; and its trial, which is measured for three turns."""

    def __init__(self, late_ns: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self._late_ns, self._turns = late_ns, 0
        self._now_ns = 0
        monkeypatch.setattr(turns, "sleep_until", self._sleep_until)
        monkeypatch.setattr(time, "monotonic_ns", lambda: self._now_ns)

    @property
    def is_measuring(self) -> bool:
        return self._turns < 3

    def look_for_slice(self) -> None:
        """Nothing is to be seen."""

    def resume(self) -> int:
        self._now_ns += 100
        return self._now_ns

    def stop(self) -> int:
        self._now_ns += self._late_ns
        self._turns += 1
        return self._now_ns

    def _sleep_until(self, at_ns: int) -> None:
        self._now_ns = max(self._now_ns, at_ns)


def test_turns_that_end_late_are_known_to_be_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is resumed 100 ns after its begin, and stopped 600 ns after its end; the last one shows no more."""
    server: Any = VirtualServer(600, monkeypatch)
    planned = (Turn(0, begin_ns, begin_ns + 1000) for begin_ns in count(0, 5000))
    (found,) = turns._run_turns(planned, [server], [server])
    assert (found.planned_ns, found.actual_ns) == (2000, 3000)
    assert found.lengthening == 1.5


def test_rates_are_divided_by_how_much_longer_turns_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns._TurnTimes, "lengthening", 1000.0)
    for record in make_round(
        tmp_path, [named(ONE, small("page")), named(TWO, prefork(2))], turn_s=TURN_OF_PAIR_S
    ).values():
        assert record.load
        shown_per_s = [part.requests_per_s for part in record.slices]
        assert max(shown_per_s) < 0.1 * record.load.requests / record.load.duration_s
        assert min(shown_per_s) < record.load.requests_per_s < max(shown_per_s)


@pytest.mark.parametrize(("server", "is_all"), [("page", True), ("hashes", False)], ids=["one thread", "several"])
def test_one_worker_on_one_core_has_the_rates_of_lead_in_and_drain_too(
    server: str, is_all: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several, or where threads of it work at the same time, one is idle while another still works."""
    monkeypatch.setattr(MeasuredSlice, "from_idle_to_idle", lambda self: self.with_rates(1000.0))
    made = make_round(tmp_path, [named(ONE, small(server)), named(TWO, prefork(2))], turn_s=TURN_OF_PAIR_S)
    rates_per_s = {name: record.load.requests_per_s for name, record in made.items() if record.load}
    assert (rates_per_s[ONE] > 100 * rates_per_s[TWO]) == is_all


class TurnedTrial:
    """A trial whose server has so many workers, and used so many cores."""

    def __init__(self, workers: int, cores_used: float) -> None:
        self.workers, self.cores_used = workers, cores_used
        self.steps: list[str] = []

    def count_all(self) -> None:
        self.steps.append("all")

    def correct_rates(self, lengthening: float) -> None:
        self.steps.append(f"{lengthening}")


@pytest.mark.parametrize(
    ("used", "are_all"),
    [
        ([(1, 0.9), (1, 1.0)], [True, True]),
        ([(1, 1.9), (1, 1.9)], [False, False]),
        ([(1, 0.9), (1, 1.4)], [False, False]),
        ([(1, 0.9), (2, 1.9)], [True, False]),
    ],
    ids=["one core each", "threads", "alike", "two workers"],
)
def test_equally_many_workers_have_rates_of_one_kind(used: list[tuple[int, float]], are_all: list[bool]) -> None:
    """Several event loops in one process are done with their lines one after the other, as several workers are."""
    trials: list[Any] = [TurnedTrial(*each) for each in used]
    turns._correct_rates(dict.fromkeys(trials, 1.0))
    assert [trial.steps for trial in trials] == [["all", "1.0"] if is_all else ["1.0"] for is_all in are_all]


def test_cores_are_those_of_the_time_that_turns_lasted() -> None:
    trial: Any = TurnedTrial(1, 1.5)
    turns._correct_rates({trial: 1.5})
    assert trial.steps == ["all", "1.5"]


def test_one_that_fails_leaves_the_turns_to_the_others(tmp_path: Path) -> None:
    records = make_round(
        tmp_path, [named(ONE, small("exits_at_once")), named(TWO, small("page"))], turn_s=TURN_OF_PAIR_S
    )
    assert records[ONE].status == "failed"
    assert records[TWO].status == "ok"
    assert len(records[TWO].slices) == 3


def test_where_all_fail_there_are_no_turns(tmp_path: Path) -> None:
    """Nobody would end them."""
    failing = [named(ONE, small("exits_at_once")), named(TWO, small("exits_at_once"))]
    assert [record.status for record in make_round(tmp_path, failing, turn_s=TURN_OF_PAIR_S).values()] == [
        "failed",
        "failed",
    ]


def test_a_server_may_run_on_the_cores_that_it_had_before(tmp_path: Path) -> None:
    found: list[set[int]] = []

    def watch(progress: Progress) -> None:
        if progress.phase is Phase.STOPPING:
            found.extend(os.sched_getaffinity(each.pid) for each in find("prefork").children(recursive=True))

    make_round(tmp_path, [named(ONE, small("page")), named(TWO, prefork(2))], watch, turn_s=TURN_OF_PAIR_S)
    assert found
    assert {frozenset(cores) for cores in found} == {frozenset(os.sched_getaffinity(0))}
