"""Core speed: work of a known amount, done beside the server, and nobody left who does it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median

import psutil
import pytest

from harness.load.cpus import list_usable_cpus
from harness.monitor import CoreSpeedProbe, Monitor, core_speed_probe
from harness.monitor.core_speed import CoreReading
from tests.server.polling import wait_until

pytestmark = pytest.mark.alone  # it measures

CPU = list_usable_cpus()[0]


@pytest.fixture
def core_speed() -> Iterator[CoreSpeedProbe]:
    """On one core."""
    with CoreSpeedProbe([CPU]) as core_speed:
        yield core_speed


def probe_process() -> psutil.Process:
    """The one that this process started."""
    (probe,) = (child for child in psutil.Process().children() if core_speed_probe.__file__ in child.cmdline())
    return probe


def readings(core_speed: CoreSpeedProbe, least: int) -> list[int]:
    found: list[int] = []

    def enough() -> bool:
        found.extend(reading.cpu_ns for reading in core_speed.read())
        return len(found) >= least

    wait_until(enough, "readings of the core speed")
    return found


def test_each_piece_of_work_is_told_once(core_speed: CoreSpeedProbe) -> None:
    first = readings(core_speed, 3)
    begin_ns = time.thread_time_ns()
    core_speed_probe.work()
    here_ns = time.thread_time_ns() - begin_ns
    assert here_ns / 10 < median(first) < here_ns * 10
    assert len(readings(core_speed, 3)) < 50  # what was told before does not come again


def test_each_says_when_it_was_done(core_speed: CoreSpeedProbe) -> None:
    """By the clock of this process, and in their order."""
    core_speed.read()
    begin_ns, found = time.monotonic_ns(), list[CoreReading]()
    while len(found) < 3:
        found += core_speed.read()
    at_ns = [reading.at_ns for reading in found]
    assert begin_ns < at_ns[-1] < time.monotonic_ns()
    assert at_ns == sorted(set(at_ns))


def test_it_takes_little_of_the_core(core_speed: CoreSpeedProbe) -> None:
    """Some 3 % are meant; twice that would be found out."""
    readings(core_speed, 2)
    probe = probe_process()
    begin_s, before_s = time.monotonic(), sum(probe.cpu_times()[:2])
    readings(core_speed, 50)
    assert sum(probe.cpu_times()[:2]) - before_s < 0.06 * (time.monotonic() - begin_s) + 0.02


def test_it_runs_on_the_cores_it_was_given_and_is_gone_afterwards() -> None:
    with CoreSpeedProbe([CPU]) as core_speed:
        readings(core_speed, 2)
        probe = probe_process()
        assert os.sched_getaffinity(probe.pid) == {CPU}
    assert not psutil.pid_exists(probe.pid)


def test_it_may_end_before_its_context(core_speed: CoreSpeedProbe) -> None:
    readings(core_speed, 2)
    probe = probe_process()
    core_speed.end()
    assert not probe.is_running()
    core_speed.read()
    assert core_speed.read() == []


def test_it_ends_when_the_harness_is_killed() -> None:
    code = f"""
import os, time
from harness.monitor import CoreSpeedProbe
core_speed = CoreSpeedProbe([{CPU}])
while not core_speed.read():
    time.sleep(0.01)
print(core_speed._probe.pid, flush=True)
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
    looks = [True] * core_speed_probe.MAX_STOPPED + [False] + [True] * (core_speed_probe.MAX_STOPPED + 1)
    monkeypatch.setattr(core_speed_probe, "PERIOD_S", 0.0)
    monkeypatch.setattr(core_speed_probe, "is_parent_stopped", iter(looks).__next__)
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_: None)
    monkeypatch.setattr(os, "write", lambda *_: None)
    core_speed_probe.main([CPU])
    with pytest.raises(StopIteration):  # it has looked so often
        core_speed_probe.is_parent_stopped()


def test_the_monitor_tells_the_mean_of_the_window(core_speed: CoreSpeedProbe) -> None:
    monitor = Monitor(list, os.getpid(), core_speed)
    readings(core_speed, 3)
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
