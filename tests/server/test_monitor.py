"""The monitor tells what processes use, as the kernel's accounts of them do."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Final

import psutil
import pytest

from harness.monitor import Monitor
from harness.record import Role, ServerProcess
from tests.server.polling import wait_until
from tests.server.topologies import ROOT, SERVERS

BURNT_S: Final = 0.1
TICK_PART_S: Final = 1e-6  # of a clock tick, for what rounding does to differences


@contextmanager
def running(server: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of the test's own."""
    with subprocess.Popen([sys.executable, "-m", f"{SERVERS}.{server}"], cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def burning() -> Iterator["subprocess.Popen[bytes]"]:
    """Uses CPU."""
    with running("burns") as process:
        yield process


@pytest.fixture
def idle() -> Iterator["subprocess.Popen[bytes]"]:
    """Does nothing."""
    with running("never_listens") as process:
        yield process


def listed(process: "subprocess.Popen[bytes]", role: Role = "worker") -> ServerProcess:
    """The process as a census has it."""
    return ServerProcess(pid=process.pid, born_s=psutil.Process(process.pid).create_time(), role=role, name="test")


def cpu_s(process: "subprocess.Popen[bytes]") -> float:
    """What the process has used since it was born."""
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system


def burn(process: "subprocess.Popen[bytes]") -> None:
    """Wait until the process has used some more CPU."""
    until_s = cpu_s(process) + BURNT_S
    wait_until(lambda: cpu_s(process) >= until_s, "CPU to be used")


def is_zombie(process: "subprocess.Popen[bytes]") -> bool:
    """Whether the process has ended and nobody has taken notice."""
    return psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE


def test_cpu_time_is_what_the_kernel_says(burning: "subprocess.Popen[bytes]") -> None:
    """The monitor's readings lie between readings of our own, so its difference does too."""
    monitor = Monitor([listed(burning)])
    first_s = cpu_s(burning)
    monitor.begin()
    second_s = cpu_s(burning)
    burn(burning)
    third_s = cpu_s(burning)
    monitor.sample()
    fourth_s = cpu_s(burning)
    assert third_s - second_s - TICK_PART_S <= monitor.usage().cpu_s <= fourth_s - first_s + TICK_PART_S


def test_use_before_the_window_is_not_counted(burning: "subprocess.Popen[bytes]") -> None:
    monitor = Monitor([listed(burning)])
    burn(burning)
    monitor.begin()
    before_s = cpu_s(burning)
    monitor.sample()
    assert monitor.usage().cpu_s < before_s


def test_a_process_that_burns_uses_more_than_one_that_does_not(
    burning: "subprocess.Popen[bytes]", idle: "subprocess.Popen[bytes]"
) -> None:
    monitor = Monitor([listed(burning), listed(idle, "supervisor")])
    monitor.begin()
    burn(burning)
    monitor.sample()
    usage = monitor.usage()
    busy, lazy = usage.processes
    assert (busy.pid, busy.role) == (burning.pid, "worker")
    assert (lazy.pid, lazy.role) == (idle.pid, "supervisor")
    assert busy.cpu_s > lazy.cpu_s
    assert usage.cpu_s == busy.cpu_s + lazy.cpu_s


def test_memory_is_positive_and_added_up(burning: "subprocess.Popen[bytes]", idle: "subprocess.Popen[bytes]") -> None:
    monitor = Monitor([listed(burning), listed(idle)])
    monitor.begin()
    monitor.sample()
    usage = monitor.usage()
    assert all(process.rss_bytes > 0 for process in usage.processes)
    assert usage.rss_bytes == sum(process.rss_bytes for process in usage.processes)


def test_context_switches_are_counted(burning: "subprocess.Popen[bytes]") -> None:
    monitor = Monitor([listed(burning)])
    monitor.begin()
    before = psutil.Process(burning.pid).num_ctx_switches()
    wait_until(lambda: psutil.Process(burning.pid).num_ctx_switches().involuntary > before.involuntary, "a switch")
    monitor.sample()
    (used,) = monitor.usage().processes
    assert used.involuntary_switches > 0
    assert used.voluntary_switches >= 0


def test_the_series_ascends_and_ends_at_the_totals(burning: "subprocess.Popen[bytes]") -> None:
    monitor = Monitor([listed(burning)])
    monitor.begin()
    for _ in range(3):
        burn(burning)
        monitor.sample()
    usage = monitor.usage()
    assert len(usage.series) == 3
    for earlier, later in pairwise(usage.series):
        assert earlier.end_s < later.end_s
        assert earlier.cpu_s[burning.pid] < later.cpu_s[burning.pid]
    assert usage.window_s == usage.series[-1].end_s
    assert usage.cpu_s == pytest.approx(usage.series[-1].cpu_s[burning.pid])
    assert usage.rss_bytes == usage.series[-1].rss_bytes[burning.pid]


def test_a_new_window_forgets_the_last(burning: "subprocess.Popen[bytes]") -> None:
    monitor = Monitor([listed(burning)])
    monitor.begin()
    burn(burning)
    monitor.sample()
    monitor.begin()
    usage = monitor.usage()
    assert (usage.cpu_s, usage.window_s, usage.series) == (0.0, 0.0, [])


def test_a_process_that_has_ended_keeps_its_last_reading(burning: "subprocess.Popen[bytes]") -> None:
    monitor = Monitor([listed(burning)])
    monitor.begin()
    burn(burning)
    monitor.sample()
    before = monitor.usage()
    burning.kill()
    burning.wait()
    monitor.sample()
    after = monitor.usage()
    assert after.processes == before.processes
    assert after.series[1].cpu_s == after.series[0].cpu_s
    assert after.series[1].end_s > after.series[0].end_s


def test_a_process_that_has_ended_unnoticed_keeps_the_memory_of_its_last_reading(
    idle: "subprocess.Popen[bytes]",
) -> None:
    monitor = Monitor([listed(idle)])
    monitor.begin()
    before = monitor.usage()
    idle.kill()
    wait_until(lambda: is_zombie(idle), "its end")
    monitor.sample()
    assert monitor.usage().rss_bytes == before.rss_bytes > 0


def test_a_process_that_had_ended_before_is_left_out(
    burning: "subprocess.Popen[bytes]", idle: "subprocess.Popen[bytes]"
) -> None:
    processes = [listed(burning), listed(idle)]
    idle.kill()
    idle.wait()
    monitor = Monitor(processes)
    monitor.begin()
    monitor.sample()
    assert [process.pid for process in monitor.usage().processes] == [burning.pid]
