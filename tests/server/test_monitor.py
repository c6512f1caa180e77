"""The monitor tells what processes use, as the kernel's accounts of them do."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final

import psutil
import pytest

from harness.monitor import Monitor
from harness.monitor.processes import ProcessReading, ThreadReading, used_by_process
from harness.record import ProcessUsage, Role, ServerProcess
from harness.units import NS_PER_S
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


needs_statistics = pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="the kernel keeps none")


def waited_s(process: "subprocess.Popen[bytes]") -> float:
    """How long the process, of one thread, has waited for a core since it was born."""
    return int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[1]) / NS_PER_S


@needs_statistics
def test_time_without_a_core_is_what_the_kernel_says(burning: "subprocess.Popen[bytes]") -> None:
    """Two that share a core wait for each other; the readings lie between readings of our own."""
    core = max(os.sched_getaffinity(0))
    with running("burns") as rival:
        for process in (burning, rival):
            os.sched_setaffinity(process.pid, {core})
        monitor = Monitor([listed(burning)])
        first_s = waited_s(burning)
        monitor.begin()
        second_s = waited_s(burning)
        burn(rival)
        third_s = waited_s(burning)
        monitor.sample()
        fourth_s = waited_s(burning)
    (used,) = monitor.usage().processes
    assert used.run_delay_s is not None
    assert 0.0 < third_s - second_s - TICK_PART_S <= used.run_delay_s <= fourth_s - first_s + TICK_PART_S


@needs_statistics
def test_the_busiest_thread_is_found() -> None:
    """Here it is another than the first one, in the process of the test itself."""
    burnt, may_end = threading.Event(), threading.Event()

    def burn_thread() -> None:
        while time.thread_time() < BURNT_S:
            pass
        burnt.set()
        may_end.wait()

    itself = ServerProcess(pid=os.getpid(), born_s=0.0, role="worker", name="test")
    monitor = Monitor([itself])
    monitor.begin()
    thread = threading.Thread(target=burn_thread)
    thread.start()
    burnt.wait()
    monitor.sample()
    may_end.set()
    thread.join()
    wait_until(lambda: not Path(f"/proc/self/task/{thread.native_id}").exists(), "the kernel to forget the thread")
    (used,) = monitor.usage().processes
    assert used.busiest_thread_s is not None
    assert used.busiest_thread_s >= BURNT_S
    monitor.sample()  # without it
    (after,) = monitor.usage().processes
    assert after.busiest_thread_s is not None
    assert after.busiest_thread_s < BURNT_S
    assert after.cpu_s >= used.cpu_s


def reading(**threads: tuple[float, float]) -> ProcessReading:
    """Counters of a process with threads that ran, and waited, for so long."""
    counters = {int(name[1:]): ThreadReading(*times_s) for name, times_s in threads.items()}
    return ProcessReading(0.0, 0.0, 0, 0, 0, counters)


def used_between(first: ProcessReading, last: ProcessReading) -> ProcessUsage:
    """What a worker used."""
    return used_by_process(ServerProcess(pid=1, born_s=0.0, role="worker", name="x"), first, last)


def test_threads_are_added_up_and_compared() -> None:
    used = used_between(reading(t1=(1.0, 2.0), t2=(5.0, 1.0)), reading(t1=(1.5, 2.25), t2=(5.25, 1.5)))
    assert (used.run_delay_s, used.busiest_thread_s) == (0.75, 0.5)


def test_a_thread_that_began_in_the_window_counts_from_its_begin() -> None:
    used = used_between(reading(t1=(1.0, 2.0)), reading(t1=(1.0, 2.0), t2=(0.5, 0.25)))
    assert (used.run_delay_s, used.busiest_thread_s) == (0.25, 0.5)


def test_a_thread_that_ended_in_the_window_takes_nothing_away() -> None:
    used = used_between(reading(t1=(1.0, 2.0), t2=(9.0, 9.0)), reading(t1=(1.25, 2.5)))
    assert (used.run_delay_s, used.busiest_thread_s) == (0.5, 0.25)


def test_without_statistics_of_threads_nobody_knows() -> None:
    used = used_between(reading(), reading())
    assert (used.run_delay_s, used.busiest_thread_s) == (None, None)
