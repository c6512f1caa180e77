"""The core speed that a server met: that of the cores on which its threads ran."""

import time
from itertools import count

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.monitor import Monitor
from harness.monitor.core_speed import CoreReading, CoreSpeedProbe
from harness.monitor.family import FamilyReading
from harness.monitor.pace import PaceMeter, divide_cpu_time
from harness.monitor.processes import ProcessReading, ThreadReading
from harness.monitor.stat_file import Account
from harness.units import NS_PER_S

ALIKE = [CoreReading(0, 10_000), CoreReading(1, 20_000)]
ME = psutil.Process()
TIMES = st.integers(0, 10**12)


def family(core: int, thread_s: float = 0.0, ended_s: float = 0.0) -> FamilyReading:
    """One process whose thread has run so long, last on this core, and children that used so much and have ended."""
    threads = {ME.pid: ThreadReading(thread_s, 0.0, core=core)}
    reading = ProcessReading(user_s=thread_s, cpu_ns=round(thread_s * NS_PER_S), threads=threads)
    return FamilyReading({ME: reading}, Account(ended_s))


def pace(*intervals: tuple[FamilyReading, FamilyReading, list[CoreReading]]) -> float | None:
    meter = PaceMeter()
    for before, after, readings in intervals:
        meter.add(before, after, readings)
    return meter.pace_us


@pytest.mark.parametrize(("core", "pace_us"), [(0, 10.0), (1, 20.0)])
def test_a_server_meets_the_core_on_which_it_runs(core: int, pace_us: float) -> None:
    assert pace((family(core), family(core, thread_s=1), ALIKE)) == pytest.approx(pace_us)


def test_one_that_has_moved_met_both_cores() -> None:
    assert pace((family(0), family(1, thread_s=1), ALIKE)) == pytest.approx(1 / (0.5 / 10 + 0.5 / 20))


def test_what_nobody_knows_where_it_ran_counts_for_all_cores() -> None:
    divided = divide_cpu_time(family(1), family(1, thread_s=2, ended_s=1), [0, 1])
    assert divided == pytest.approx({0: 0.5, 1: 2.5})


def test_each_thread_met_the_core_on_which_it_ran() -> None:
    used = {1: ThreadReading(1.0, 0.0, core=0), 2: ThreadReading(3.0, 0.0, core=1)}
    threads = ProcessReading(user_s=4.0, threads=used)
    divided = divide_cpu_time(FamilyReading({ME: ProcessReading()}), FamilyReading({ME: threads}), [0, 1])
    assert divided == pytest.approx({0: 1.0, 1: 3.0})


def test_only_what_was_used_between_the_readings_counts() -> None:
    assert divide_cpu_time(family(0, thread_s=5), family(0, thread_s=6), [0, 1]) == pytest.approx(
        {0: 1, 1: 0}, abs=1e-8
    )


def test_intervals_count_by_the_cpu_time_that_was_used_in_them() -> None:
    fast, slow = [CoreReading(0, 10_000)], [CoreReading(0, 20_000)]
    found = pace((family(0), family(0, thread_s=3), fast), (family(0, thread_s=3), family(0, thread_s=4), slow))
    assert found == pytest.approx(4 / (3 / 10 + 1 / 20))


def test_a_server_that_did_nothing_met_the_mean_of_all_cores() -> None:
    assert pace((FamilyReading(), FamilyReading(), ALIKE)) == pytest.approx(1 / (0.5 / 10 + 0.5 / 20))


def test_a_server_on_a_core_that_is_not_read_met_the_mean_of_the_others() -> None:
    assert pace((family(7), family(7, thread_s=1), ALIKE)) == pytest.approx(1 / (0.5 / 10 + 0.5 / 20))


@pytest.mark.parametrize("none", [0, -40, 1, 2_300])
def test_a_reading_of_next_to_nothing_is_none(none: int) -> None:
    readings = [CoreReading(0, ns) for ns in (9_000, none, 10_000, 11_000)]
    pieces = (1 / 9 + 1 / 10 + 1 / 11) / 3
    assert pace((family(0), family(0, thread_s=1), readings)) == pytest.approx(1 / pieces)


@pytest.mark.parametrize("readings", [[], [CoreReading(0, 0)], [CoreReading(0, 0), CoreReading(0, 0)]])
def test_without_readings_there_is_no_pace(readings: list[CoreReading]) -> None:
    assert pace((family(0), family(0, thread_s=1), readings)) is None


class ListedReadings(CoreSpeedProbe):
    """A probe that has done its work already."""

    def __init__(self, found: list[CoreReading]) -> None:
        self._found: list[CoreReading] = []
        self._next = found

    def read(self) -> list[CoreReading]:
        """Return nothing before the window, and then all at once."""
        found, self._found, self._next = self._found, self._next, []
        return found


@pytest.mark.parametrize(
    ("window_ns", "pace_us"), [((200, 500), 24.92), ((300, 300), 30.0), ((0, 10**9), 25.83), ((401, 600), 25.83)]
)
def test_a_window_has_the_pace_of_the_readings_within_it(window_ns: tuple[int, int], pace_us: float) -> None:
    """Where there is none, of all that were made since the slice began."""
    after_ns = time.monotonic_ns() + NS_PER_S
    of_core = [(-2 * NS_PER_S, 90_000), (100, 29_000), (200, 20_000), (300, 30_000), (400, 27_000)]  # one comes late
    monitor = Monitor(
        list, ME.pid, ListedReadings([CoreReading(0, cpu_ns, after_ns + at_ns) for at_ns, cpu_ns in of_core])
    )
    monitor.begin()
    monitor.sample()
    assert monitor.usage_without_memory().pace_us == pytest.approx(25.83, abs=0.01)
    begin_ns, end_ns = (after_ns + at_ns for at_ns in window_ns)
    assert monitor.pace_between_us(begin_ns, end_ns) == pytest.approx(pace_us, abs=0.01)


def test_a_core_that_is_not_read_in_the_window_has_its_speed_of_the_whole_slice() -> None:
    """There may be many cores, and few readings in a window of 50 ms."""
    now_ns = time.monotonic_ns() + NS_PER_S
    readings = [CoreReading(0, 30_000, now_ns), CoreReading(1, 10_000, now_ns), CoreReading(0, 20_000, now_ns + 10)]
    monitor = Monitor(list, ME.pid, ListedReadings(readings))
    monitor.begin()
    monitor.sample()
    assert monitor.pace_between_us(now_ns + 5, now_ns + 20) == pytest.approx(1 / (0.5 / 20 + 0.5 / 10))


def test_without_any_reading_a_window_has_no_pace() -> None:
    monitor = Monitor(list, ME.pid, ListedReadings([]))
    monitor.begin()
    monitor.sample()
    assert monitor.pace_between_us(0, time.monotonic_ns()) is None


@given(
    readings=st.lists(st.builds(CoreReading, st.integers(0, 3), st.integers(-3, 3) | TIMES), max_size=30),
    cores=st.lists(st.integers(0, 5), min_size=2, max_size=2),
    thread_s=st.floats(0, 100),
    ended_s=st.floats(0, 100),
)
def test_the_pace_is_between_the_readings(
    readings: list[CoreReading], cores: list[int], thread_s: float, ended_s: float
) -> None:
    found = pace((family(cores[0]), family(cores[1], thread_s, ended_s), readings))
    sound_us = [reading.cpu_ns / 1000 for reading in readings if reading.cpu_ns > 0]
    assert (found is None) == (not sound_us)
    if found is not None:
        assert min(sound_us) * (1 - 1e-9) <= found <= max(sound_us) * (1 + 1e-9)


def test_cpu_time_is_neither_lost_nor_made() -> None:
    for thread_s, ended_s, core in zip(range(5), count(0, 2), [0, 1, 2, 7, 0], strict=False):
        divided = divide_cpu_time(family(0), family(core, thread_s, ended_s), [0, 1, 2])
        assert sum(divided.values()) == pytest.approx(thread_s + ended_s, abs=1e-6)
