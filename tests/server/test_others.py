"""Who else used the cores is told by name."""

import subprocess
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.monitor import Monitor
from harness.monitor.others import MAX_REPORTED, find_busiest_others
from harness.monitor.stat_file import TICK_S, Account, Stat, parse_stat, read_stats
from harness.record import Usage

SECRET = "hunter2hunter2"
BUSY = ("sh", "-c", "while :; do :; done")
ME = 100


def stat(cpu_ticks: int, parent_pid: int = 1, born_ticks: int = 1, name: str = "make") -> Stat:
    return Stat(name, parent_pid, born_ticks, core=0, user_ticks=cpu_ticks, system_ticks=0)


def told(first: dict[int, Stat], last: dict[int, Stat], least_s: float = 0.0) -> dict[int, float]:
    """CPU in ticks of those that are told of, by pid."""
    return {each.pid: round(each.cpu_s / TICK_S) for each in find_busiest_others(first, last, ME, least_s)}


def test_the_busiest_are_told_first_by_what_they_used_since() -> None:
    first = {ME: stat(0), 2: stat(50), 3: stat(5), 4: stat(9)}
    last = {ME: stat(90), 2: stat(60), 3: stat(45), 4: stat(9)}
    assert list(told(first, last).items()) == [(3, 40), (2, 10), (4, 0)]
    assert told(first, last, least_s=20 * TICK_S) == {3: 40}
    assert told(first, last, least_s=TICK_S) == {3: 40, 2: 10}


def test_who_is_of_the_run_is_not_told_of() -> None:
    last = {ME: stat(90), 2: stat(60, parent_pid=ME), 3: stat(45, parent_pid=2), 4: stat(9, parent_pid=99)}
    assert told({}, last) == {4: 9}


def test_of_who_came_since_all_is_told_also_where_the_pid_was_anothers() -> None:
    assert told({2: stat(50)}, {2: stat(60, born_ticks=7), 3: stat(5)}) == {2: 60, 3: 5}


def test_no_more_are_told_than_can_be_read() -> None:
    assert len(told({}, {pid: stat(pid) for pid in range(1, 50)})) == MAX_REPORTED


@given(st.binary(max_size=15).filter(lambda name: b"\0" not in name), st.integers(0, 2**40), st.integers(0, 2**40))
def test_whatever_a_process_is_called_its_counters_are_read(name: bytes, user: int, system: int) -> None:
    told = {0: b"R", 1: b"7", 11: b"%d" % user, 12: b"%d" % system, 19: b"9", 36: b"3"}
    told |= {7: b"21", 8: b"22", 9: b"23", 10: b"24", 13: b"200", 14: b"50"}
    fields = b" ".join(told.get(field, b"0") for field in range(50))
    found = parse_stat(b"12 (" + name + b") " + fields + b"\n")
    assert (found.parent_pid, found.cpu_ticks, found.born_ticks, found.core) == (7, user + system, 9, 3)
    assert (found.minor_faults, found.major_faults) == (21, 23)
    assert found.reaped == Account(250 * TICK_S, 22, 24)
    assert found.name == name.decode(errors="replace")


def test_a_busy_stranger_is_told_of_without_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a child of this process, for once not taken for the run's."""
    stranger = subprocess.Popen([*BUSY, SECRET])
    monkeypatch.setattr("os.getpid", lambda: 0)
    try:
        usage = _watch(stranger.pid)
    finally:
        stranger.kill()
        stranger.wait()
    (found,) = [other for other in usage.others if other.pid == stranger.pid]
    assert (found.name, found.cpu_s > 0) == ("sh", True)
    assert SECRET not in usage.model_dump_json()


def test_a_busy_child_of_the_harness_is_its_own() -> None:
    child = subprocess.Popen(BUSY)
    try:
        usage = _watch(child.pid)
    finally:
        child.kill()
        child.wait()
    assert child.pid not in [other.pid for other in usage.others]


def _watch(pid: int) -> Usage:
    """Watch the machine until the process has used much of a core."""
    monitor = Monitor(list, root_pid=pid)
    monitor.begin()
    begin_ticks = read_stats()[pid].cpu_ticks
    while read_stats()[pid].cpu_ticks - begin_ticks < 20:
        time.sleep(0.05)
    monitor.sample()
    return monitor.usage()
