"""The pace: work of a known amount, done beside the server, and nobody left who does it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median

import psutil
import pytest

from harness.load.cpus import usable_cpus
from harness.monitor import Monitor, Pace, pace_probe
from tests.server.polling import wait_until

pytestmark = pytest.mark.alone  # it measures

CPU = usable_cpus()[0]


@pytest.fixture
def pace() -> Iterator[Pace]:
    """On one core."""
    with Pace([CPU]) as pace:
        yield pace


def probe_process() -> psutil.Process:
    """The one that this process started."""
    (probe,) = (child for child in psutil.Process().children() if pace_probe.__file__ in child.cmdline())
    return probe


def readings(pace: Pace, least: int) -> list[int]:
    found: list[int] = []

    def enough() -> bool:
        found.extend(pace.readings_ns())
        return len(found) >= least

    wait_until(enough, "readings of the pace")
    return found


def test_each_piece_of_work_is_told_once(pace: Pace) -> None:
    first = readings(pace, 3)
    begin_ns = time.thread_time_ns()
    pace_probe.work()
    here_ns = time.thread_time_ns() - begin_ns
    assert here_ns / 10 < median(first) < here_ns * 10
    assert len(readings(pace, 3)) < 50  # what was told before does not come again


def test_it_takes_little_of_the_core(pace: Pace) -> None:
    """A hundredth is meant; five times that would be found out."""
    readings(pace, 2)
    probe = probe_process()
    begin_s, before_s = time.monotonic(), sum(probe.cpu_times()[:2])
    readings(pace, 50)
    assert sum(probe.cpu_times()[:2]) - before_s < 0.05 * (time.monotonic() - begin_s) + 0.02


def test_it_runs_on_the_cores_it_was_given_and_is_gone_afterwards() -> None:
    with Pace([CPU]) as pace:
        readings(pace, 2)
        probe = probe_process()
        assert os.sched_getaffinity(probe.pid) == {CPU}
    assert not psutil.pid_exists(probe.pid)


def test_it_ends_when_the_harness_is_killed() -> None:
    code = f"""
import os, time
from harness.monitor import Pace
pace = Pace([{CPU}])
while not pace.readings_ns():
    time.sleep(0.01)
print(pace._probe.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as harness:
        assert harness.stdout is not None
        probe = int(harness.stdout.readline())
        harness.kill()
    wait_until(
        lambda: not psutil.pid_exists(probe) or psutil.Process(probe).status() == psutil.STATUS_ZOMBIE, "its end"
    )


def test_it_ends_where_the_harness_stays_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [True] * pace_probe.MOST_STOPPED + [False] + [True] * (pace_probe.MOST_STOPPED + 1)
    monkeypatch.setattr(pace_probe, "PERIOD_S", 0.0)
    monkeypatch.setattr(pace_probe, "is_parent_stopped", iter(looks).__next__)
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_: None)
    monkeypatch.setattr(os, "write", lambda *_: None)
    pace_probe.main([CPU])
    with pytest.raises(StopIteration):  # it has looked so often
        pace_probe.is_parent_stopped()


def test_the_monitor_tells_the_mean_of_the_window(pace: Pace) -> None:
    monitor = Monitor(list, os.getpid(), pace)
    readings(pace, 3)
    monitor.begin()
    told: list[float | None] = []

    def measured() -> bool:
        monitor.sample()
        told.append(monitor.usage().pace_us)
        return told[-1] is not None

    wait_until(measured, "a reading in the window")
    assert told[-1]
    assert 10 < told[-1] < 1e5


def test_without_a_pace_there_is_none() -> None:
    monitor = Monitor(list, os.getpid())
    monitor.begin()
    monitor.sample()
    assert monitor.usage().pace_us is None
