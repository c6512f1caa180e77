"""A round in turns of milliseconds: slices of all topologies at the same time, of whose servers one runs."""

import os
import threading
from itertools import pairwise
from pathlib import Path
from typing import Final

import psutil
import pytest

from harness.measure.progress import Phase, Progress
from harness.measure.turns import TURN_S
from tests.generator.accounting import assert_adds_up
from tests.server.topologies import prefork, small
from tests.trial.test_slices import find, make_round, named

ONE: Final = "one"
TWO: Final = "two"


def test_all_have_their_slices_at_the_same_time(tmp_path: Path) -> None:
    records = make_round(tmp_path, [named(ONE, small("page")), named(TWO, prefork(2))], turn_s=TURN_S)
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
    for record in make_round(tmp_path, [named(ONE, small("page")), named(TWO, prefork(2))], turn_s=TURN_S).values():
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
    """Again and again: more often than there are slices, at the begin of which both are stopped."""
    seen: list[tuple[str, ...]] = []
    is_over, looking = threading.Event(), threading.Event()

    def look() -> None:
        looking.wait()
        one, two = find("servers.page").children()[0], find("prefork").children()[0]
        while not is_over.is_set():
            try:
                seen.append((one.status(), two.status(), one.status()))
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
        make_round(tmp_path, [named(ONE, small("page")), named(TWO, prefork(2))], watch, turn_s=TURN_S)
    finally:
        looking.set()
        is_over.set()
        thread.join()
    stopped = psutil.STATUS_STOPPED
    assert any(one == again == stopped != two for one, two, again in seen)
    assert any(two == stopped != one == again for one, two, again in seen)
    having = [one != stopped for one, two, again in seen if one == again and (one == stopped) != (two == stopped)]
    assert sum(was != now for was, now in pairwise(having)) > 6


def test_one_that_fails_leaves_the_turns_to_the_others(tmp_path: Path) -> None:
    records = make_round(tmp_path, [named(ONE, small("exits_at_once")), named(TWO, small("page"))], turn_s=TURN_S)
    assert records[ONE].status == "failed"
    assert records[TWO].status == "ok"
    assert len(records[TWO].slices) == 3


def test_where_all_fail_there_are_no_turns(tmp_path: Path) -> None:
    """Nobody would end them."""
    failing = [named(ONE, small("exits_at_once")), named(TWO, small("exits_at_once"))]
    assert [record.status for record in make_round(tmp_path, failing, turn_s=TURN_S).values()] == ["failed", "failed"]


def test_a_server_may_run_on_the_cores_that_it_had_before(tmp_path: Path) -> None:
    found: list[set[int]] = []

    def watch(progress: Progress) -> None:
        if progress.phase is Phase.STOPPING:
            found.extend(os.sched_getaffinity(each.pid) for each in find("prefork").children(recursive=True))

    make_round(tmp_path, [named(ONE, small("page")), named(TWO, prefork(2))], watch, turn_s=TURN_S)
    assert found
    assert {frozenset(cores) for cores in found} == {frozenset(os.sched_getaffinity(0))}
