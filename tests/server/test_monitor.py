"""The monitor tells what processes use, as the kernel's accounts of them do."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from harness.monitor import Monitor
from harness.monitor.family import FamilyReading, read_family
from harness.monitor.processes import ProcessReading, ThreadReading, process_usage_between, read_process
from harness.monitor.stat_file import TICK_S, Account, read_stats
from harness.record import ProcessUsage, Role, ServerProcess, Usage
from harness.server.launch import Server
from harness.server.process_tree import list_processes
from harness.units import NS_PER_S
from tests.server.polling import wait_until
from tests.server.topologies import ROOT, SERVERS, small

BURNT_S: Final = 0.1
TICK_PART_S: Final = 1e-6  # of a clock tick, for what rounding does to differences


needs_statistics = pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="the kernel keeps none")


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


def listed(process: "subprocess.Popen[bytes] | psutil.Process", role: Role = "worker") -> ServerProcess:
    """The process as a process tree has it."""
    born_s = psutil.Process(process.pid).create_time() - psutil.boot_time()
    return ServerProcess(pid=process.pid, born_s=born_s, role=role, name="test")


def watch(*processes: ServerProcess) -> Monitor:
    """A monitor of these children of the test's own, as long as they live."""
    return Monitor(lambda: [each for each in processes if psutil.pid_exists(each.pid)], os.getpid())


def cpu_s(process: "subprocess.Popen[bytes]") -> float:
    """What the process, of one thread, has used since it was born."""
    try:
        return int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[0]) / NS_PER_S
    except OSError:  # the kernel keeps none
        times = psutil.Process(process.pid).cpu_times()
        return times.user + times.system


def burn(process: "subprocess.Popen[bytes]") -> None:
    """Wait until the process has used some more CPU."""
    until_s = cpu_s(process) + BURNT_S
    wait_until(lambda: cpu_s(process) >= until_s, "CPU to be used")


def rest(process: "subprocess.Popen[bytes]") -> None:
    """Stop the process until it is told to go on."""
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, "it to stop")


def is_zombie(process: "subprocess.Popen[bytes]") -> bool:
    """Whether the process has ended and nobody has taken notice."""
    return psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE


def lives(process: psutil.Process) -> bool:
    """Whether it has not ended, whoever has taken notice."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_cpu_time_is_what_the_kernel_says(burning: "subprocess.Popen[bytes]") -> None:
    """The monitor's readings lie between readings of our own, so its difference does too."""
    monitor = watch(listed(burning))
    first_s = cpu_s(burning)
    monitor.begin()
    second_s = cpu_s(burning)
    burn(burning)
    third_s = cpu_s(burning)
    monitor.sample()
    fourth_s = cpu_s(burning)
    assert third_s - second_s - TICK_PART_S <= monitor.usage().cpu_s <= fourth_s - first_s + TICK_PART_S


@needs_statistics
def test_cpu_time_is_told_to_the_nanosecond(burning: "subprocess.Popen[bytes]") -> None:
    """As the scheduler counts it, where the process rests at both ends of the window."""
    monitor = watch(listed(burning))
    burn(burning)
    rest(burning)
    first_s = cpu_s(burning)
    monitor.begin()
    burning.send_signal(signal.SIGCONT)
    burn(burning)
    rest(burning)
    monitor.sample()
    usage = monitor.usage()
    assert usage.cpu_s == pytest.approx(cpu_s(burning) - first_s, abs=1e-8)
    assert usage.series[-1].all_cpu_s == pytest.approx(usage.cpu_s, abs=1e-8)


def test_use_before_the_window_is_not_counted(burning: "subprocess.Popen[bytes]") -> None:
    monitor = watch(listed(burning))
    burn(burning)
    monitor.begin()
    before_s = cpu_s(burning)
    monitor.sample()
    assert monitor.usage().cpu_s < before_s


def test_a_process_that_burns_uses_more_than_one_that_does_not(
    burning: "subprocess.Popen[bytes]", idle: "subprocess.Popen[bytes]"
) -> None:
    monitor = watch(listed(burning), listed(idle, "supervisor"))
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
    monitor = watch(listed(burning), listed(idle))
    monitor.begin()
    monitor.sample()
    usage = monitor.usage()
    assert all(process.rss_bytes > 0 for process in usage.processes)
    assert usage.rss_bytes == sum(process.rss_bytes for process in usage.processes)


def test_context_switches_are_counted(burning: "subprocess.Popen[bytes]") -> None:
    monitor = watch(listed(burning))
    monitor.begin()
    before = psutil.Process(burning.pid).num_ctx_switches()
    wait_until(lambda: psutil.Process(burning.pid).num_ctx_switches().involuntary > before.involuntary, "a switch")
    monitor.sample()
    (used,) = monitor.usage().processes
    assert used.involuntary_switches > 0
    assert used.voluntary_switches >= 0


def test_the_series_ascends_and_ends_at_the_totals(burning: "subprocess.Popen[bytes]") -> None:
    monitor = watch(listed(burning))
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
    monitor = watch(listed(burning))
    monitor.begin()
    burn(burning)
    monitor.sample()
    monitor.begin()
    usage = monitor.usage()
    assert (usage.cpu_s, usage.window_s, usage.series) == (0.0, 0.0, [])


def test_a_process_that_has_ended_keeps_its_last_reading(burning: "subprocess.Popen[bytes]") -> None:
    monitor = watch(listed(burning))
    monitor.begin()
    burn(burning)
    monitor.sample()
    before = monitor.usage()
    burning.kill()
    burning.wait()
    monitor.sample()
    after = monitor.usage()
    assert [used.ended for used in before.processes + after.processes] == [False, True]
    assert after.processes[0].cpu_s == pytest.approx(before.processes[0].cpu_s, abs=2 * TICK_S)
    assert after.processes[0].rss_bytes == before.processes[0].rss_bytes
    assert (after.rss_bytes, after.pss_bytes) == (0, None)
    assert after.series[1].cpu_s == pytest.approx(after.series[0].cpu_s, abs=2 * TICK_S)
    assert after.series[1].end_s > after.series[0].end_s


def test_a_process_that_has_ended_unnoticed_keeps_the_memory_of_its_last_reading(
    idle: "subprocess.Popen[bytes]",
) -> None:
    monitor = watch(listed(idle))
    monitor.begin()
    before = monitor.usage()
    idle.kill()
    wait_until(lambda: is_zombie(idle), "its end")
    monitor.sample()
    (after,) = monitor.usage().processes
    assert after.rss_bytes == before.processes[0].rss_bytes > 0
    assert (after.ended, after.pss_bytes) == (True, None)


def test_a_process_that_had_ended_before_is_left_out(
    burning: "subprocess.Popen[bytes]", idle: "subprocess.Popen[bytes]"
) -> None:
    processes = [listed(burning), listed(idle)]
    idle.kill()
    idle.wait()
    monitor = watch(*processes)
    monitor.begin()
    monitor.sample()
    assert [process.pid for process in monitor.usage().processes] == [burning.pid]


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
        monitor = watch(listed(burning))
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
    monitor = Monitor(lambda: [itself], os.getppid())
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
    assert after.busiest_thread_s >= used.busiest_thread_s
    assert after.cpu_s >= used.cpu_s


def reading(**threads: tuple[float, float]) -> ProcessReading:
    """Counters of a process with threads that ran, and waited, for so long."""
    counters = {int(name[1:]): ThreadReading(*times_s) for name, times_s in threads.items()}
    return ProcessReading(user_s=sum(each.cpu_s for each in counters.values()), thread_count=9, threads=counters)


def used_between(first: ProcessReading, last: ProcessReading) -> ProcessUsage:
    """What a worker used."""
    return process_usage_between(ServerProcess(pid=1, born_s=0.0, role="worker", name="x"), first, last)


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


def test_nearly_all_of_the_work_is_done_by_the_busy_threads() -> None:
    """Of ten threads with equal parts, all; of one beside a helper, that one."""
    equal = used_between(reading(), reading(**{f"t{tid}": (0.4, 0.0) for tid in range(10)}))
    helped = used_between(reading(t1=(5.0, 0.0)), reading(t1=(5.97, 0.0), t2=(0.03, 0.0)))
    assert (equal.threads, equal.busy_threads, helped.busy_threads) == (9, 10, 1)
    idle = used_between(reading(t1=(1.0, 0.0)), reading(t1=(1.0, 0.0)))
    assert idle.busy_threads == 1


def test_where_threads_came_and_went_there_were_as_many_as_at_a_time() -> None:
    last = replace(reading(t1=(0.1, 0.0)), user_s=2.0)
    assert used_between(reading(), last).busy_threads == 9


def test_a_thread_with_the_id_of_another_counts_for_itself() -> None:
    used = used_between(reading(t1=(5.0, 3.0)), reading(t1=(0.5, 0.25)))
    assert (used.busiest_thread_s, used.run_delay_s) == (0.5, 0.25)


def counted(ticks_s: float, cpu_ns: int | None, has_ended: bool = False) -> ProcessReading:
    """Counters of a process with this CPU time in its account, and by the scheduler."""
    return ProcessReading(user_s=ticks_s, cpu_ns=cpu_ns, has_ended=has_ended)


def test_cpu_time_is_what_the_scheduler_counts() -> None:
    used = used_between(counted(1.0, 1_004_000_000), counted(1.25, 1_261_234_567))
    assert used.cpu_s == pytest.approx(0.257234567)


def test_cpu_time_of_a_process_that_has_ended_is_that_of_its_account() -> None:
    """As the kernel adds it to that of who waited for it."""
    first, last = counted(1.0, 1_000_000_000), counted(1.5, 1_503_000_000)
    over = counted(1.52, 1_529_000_000, has_ended=True).merge(last)
    assert used_between(first, last).cpu_s == pytest.approx(0.503)
    assert used_between(first, over).cpu_s == pytest.approx(0.52)


@pytest.mark.parametrize("known", [(None, None), (None, 1_029_000_000), (1_009_000_000, None)])
def test_cpu_time_that_the_scheduler_does_not_tell_is_that_of_the_account(known: tuple[int | None, ...]) -> None:
    first, last = (counted(*each) for each in zip((1.0, 1.02), known, strict=True))
    assert used_between(first, last).cpu_s == pytest.approx(0.02)


def test_nanoseconds_are_shared_out_as_the_account_shares_ticks() -> None:
    newborn = ProcessReading(cpu_ns=0)
    used = used_between(newborn, ProcessReading(user_s=0.25, system_s=0.75, cpu_ns=1_008_000_000))
    assert (used.user_s, used.system_s) == pytest.approx((0.252, 0.756))
    short = used_between(newborn, ProcessReading(cpu_ns=4_000_000))
    assert (short.user_s, short.system_s) == (0.004, 0.0)


def use_while(code: str) -> tuple[Usage, bytes]:
    """What a process used from when it got a line until it told one, and what it told."""
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    monitor = watch(listed(process))
    monitor.begin()
    process.stdin.write(b"\n")
    process.stdin.flush()
    told = process.stdout.readline()
    monitor.sample()
    usage = monitor.usage()
    process.kill()
    process.communicate()
    return usage, told


def test_cpu_time_of_threads_that_come_and_go_is_counted() -> None:
    """Between two readings, each for as long as some clock ticks."""
    code = (
        "import threading, time\n"
        "def burn():\n    while time.thread_time() < 0.02: pass\n"
        "input()\nfirst_ns = time.process_time_ns()\n"
        "for _ in range(15):\n    thread = threading.Thread(target=burn); thread.start(); thread.join()\n"
        "print(time.process_time_ns() - first_ns, flush=True)\ninput()"
    )
    usage, told = use_while(code)
    told_s, used_s = int(told) / NS_PER_S, usage.cpu_s
    assert told_s >= 0.3
    assert told_s - 2 * TICK_S <= used_s  # it used more than that while it was started


# Page faults ------------------------------------------------------------------------------------------------

PAGES: Final = 2000
TOUCH: Final = f"memory = mmap.mmap(-1, {PAGES} * mmap.PAGESIZE); memory[:: mmap.PAGESIZE] = bytes({PAGES})"


def use_of(*lines: str) -> Usage:
    """What a process used while it did this."""
    return use_while("\n".join(["import mmap, os", "input()", *lines, "print('over', flush=True)", "input()"]))[0]


def test_page_faults_are_counted() -> None:
    """One for each page that is touched for the first time, and some of the interpreter's own."""
    usage = use_of(TOUCH)
    (used,) = usage.processes
    assert used.minor_faults is not None
    assert PAGES <= used.minor_faults < 2 * PAGES
    assert used.major_faults is not None
    assert used.major_faults >= 0
    assert (usage.reaped_minor_faults, usage.reaped_major_faults) == (0, 0)


def test_page_faults_of_who_came_and_went_are_counted() -> None:
    """Of a child that a parent has waited for."""
    usage = use_of("child = os.fork()", f"if child == 0: {TOUCH}; os._exit(0)", "os.waitpid(child, 0)")
    assert [used.ended for used in usage.processes] == [False]
    assert PAGES <= usage.reaped_minor_faults < 2 * PAGES


def test_page_faults_of_who_has_ended_unnoticed_are_counted() -> None:
    """As its CPU time is, which goes to its parent at some time."""
    last = replace(reading(t1=(1.0, 0.0)), minor_faults=50, major_faults=2, rss_bytes=4096)
    over = ProcessReading(user_s=1.0, minor_faults=70, major_faults=3, has_ended=True).merge(last)
    used = used_between(ProcessReading(minor_faults=20), over)
    assert (used.minor_faults, used.major_faults, used.rss_bytes) == (50, 3, 4096)


# Memory -----------------------------------------------------------------------------------------------------


def test_memory_that_is_shared_counts_once() -> None:
    """Three forks of a process that has 64 MiB."""
    code = (
        "import os, signal\nheld = bytearray(os.urandom(1 << 20)) * 64\n"
        "for _ in range(3):\n    if os.fork() == 0: break\nprint('x', flush=True)\nsignal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            for _ in range(4):
                process.stdout.readline()
            itself = psutil.Process(process.pid)
            children = itself.children()
            family = [listed(each) for each in (itself, *children)]
            monitor = watch(*family)
            monitor.begin()
            monitor.sample()
            usage = monitor.usage()
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    wait_until(lambda: not any(map(lives, children)), "their end")
    assert len(usage.processes) == 4
    assert usage.pss_bytes is not None
    assert 64 * 2**20 < usage.pss_bytes < 100 * 2**20 < 256 * 2**20 < usage.rss_bytes


def test_memory_that_is_not_told_of_all_is_resident(
    burning: "subprocess.Popen[bytes]", idle: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of processes of another user."""
    told = psutil.Process.memory_full_info

    def of_one(process: psutil.Process) -> Any:
        if process.pid == idle.pid:
            raise psutil.AccessDenied
        return told(process)

    monkeypatch.setattr(psutil.Process, "memory_full_info", of_one)
    monitor = watch(listed(burning), listed(idle))
    monitor.begin()
    monitor.sample()
    usage = monitor.usage()
    assert [used.pss_bytes is None for used in usage.processes] == [False, True]
    assert usage.pss_bytes is None
    assert usage.rss_bytes > 0


# Processes that come and go ---------------------------------------------------------------------------------


def test_a_process_that_is_born_in_the_window_counts_from_its_birth() -> None:
    found: list[ServerProcess] = []
    monitor = Monitor(lambda: found, os.getpid())
    monitor.begin()
    assert monitor.usage().processes == []
    with running("burns") as process:
        burn(process)
        found.append(listed(process, "helper"))
        before_s = cpu_s(process)
        monitor.sample()
        (used,) = monitor.usage().processes
        assert (used.role, used.ended) == ("helper", False)
        assert before_s - TICK_PART_S <= used.cpu_s <= cpu_s(process) + TICK_PART_S
        assert used.lived_s is not None
        assert 0 < used.lived_s <= monitor.usage().window_s
        found[0] = listed(process, "worker")  # as the next look finds
        monitor.sample()
    (used,) = monitor.usage().processes
    assert used.role == "worker"


@needs_statistics
def test_the_cpu_of_a_process_that_is_born_in_the_window_is_told_to_the_nanosecond() -> None:
    found: list[ServerProcess] = []
    monitor = Monitor(lambda: found, os.getpid())
    monitor.begin()
    with running("burns") as process:
        burn(process)
        rest(process)
        found.append(listed(process))
        monitor.sample()
        assert monitor.usage().cpu_s == pytest.approx(cpu_s(process), abs=1e-8)


def test_the_cpu_of_processes_that_come_and_go_is_what_they_say_themselves(log: Path) -> None:
    """Of workers and their children, waited for by a worker, by the server or, in the end, by nobody yet."""
    with Server(small("replaces"), log) as server:
        wait_until(lambda: "ready" in log.read_text(), "the server")
        monitor = Monitor(lambda: list_processes(server), server.guardian_pid)
        monitor.begin()
        assert server.pid is not None
        os.kill(server.pid, signal.SIGUSR1)

        def is_over() -> bool:
            monitor.sample()
            return "over" in log.read_text()

        wait_until(is_over, "the end")
        monitor.sample()
        usage = monitor.usage()
    told_s = [int(line.split()[1]) / NS_PER_S for line in log.read_text().splitlines() if line.startswith("used")]
    assert len(told_s) == 12 * 2 + 1
    assert usage.cpu_s == pytest.approx(sum(told_s), abs=0.1)  # forking, ending, and a few steps of 10 ms
    assert usage.series[-1].all_cpu_s == pytest.approx(usage.cpu_s)
    assert sum(used.ended for used in usage.processes) > 3
    assert usage.reaped_cpu_s > 0


@pytest.mark.parametrize("is_ignored", [True, False])
def test_cpu_that_is_in_nobodys_account_is_told(is_ignored: bool) -> None:
    """A child ends whose parent ignores that, or would wait for it at some time."""
    ignore = "signal.signal(signal.SIGCHLD, signal.SIG_IGN);" if is_ignored else ""
    code = f"import os, signal; {ignore} child = os.fork(); child and print(child, flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        try:
            assert parent.stdout is not None
            child = psutil.Process(int(parent.stdout.readline()))
            monitor = watch(listed(parent), listed(child))
            monitor.begin()
            monitor.sample()
            assert not monitor.usage().is_cpu_lost
            child.kill()
            wait_until(lambda: not lives(child), "its end")
            monitor.sample()
            assert monitor.usage().is_cpu_lost == is_ignored
        finally:
            parent.kill()


def test_who_ends_while_the_family_is_read_counts_once(
    burning: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its account has gone to whoever waited for it, and was read already."""
    burn(burning)
    before_s = read_family(os.getpid()).account.cpu_s

    def read(process: psutil.Process) -> ProcessReading | None:
        if process.pid == burning.pid:
            burning.kill()
            burning.wait()
        return read_process(process)

    monkeypatch.setattr("harness.monitor.family.read_process", read)
    after_s = read_family(os.getpid()).account.cpu_s
    assert before_s - 2 * TICK_S <= after_s <= read_family(os.getpid()).account.cpu_s + TICK_PART_S


def test_who_is_older_than_its_parent_is_none_of_the_family(
    idle: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the pid of a process that was, by chance."""
    stats = read_stats()
    assert idle.pid in {process.pid for process in read_family(os.getpid()).processes}
    older = stats[idle.pid]._replace(born_ticks=stats[os.getpid()].born_ticks - 1)
    monkeypatch.setattr("harness.monitor.family.read_stats", lambda: stats | {idle.pid: older})
    assert idle.pid not in {process.pid for process in read_family(os.getpid()).processes}


@pytest.mark.parametrize("name", ["Threads:\\t99", "a\\nThreads:\\t99", "a) Z 1 1"])
def test_counters_are_read_whatever_a_process_is_called(name: str) -> None:
    code = f"open('/proc/self/comm', 'w').write('{name}'); print('x', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = read_process(psutil.Process(process.pid))
        process.kill()
    assert found is not None
    assert (found.thread_count, found.parent_pid, found.has_ended) == (1, os.getpid(), False)


@dataclass(frozen=True)
class Named:
    """What a reading knows a process by."""

    pid: int

    def is_running(self) -> bool:
        """It does, as long as no reading says that it ended."""
        return True


def faulting(cpu_s: float) -> Account:
    """What was used in so much CPU time."""
    return Account(cpu_s, round(10 * cpu_s), round(2 * cpu_s))


def at(**processes: tuple[float, float]) -> FamilyReading:
    """A family whose processes have used so much, and those that they waited for so much; for each second there are
    ten minor page faults and two major ones."""
    readings = {
        Named(ord(name)): ProcessReading(
            user_s=own, minor_faults=round(10 * own), major_faults=round(2 * own), reaped=faulting(of)
        )
        for name, (own, of) in processes.items()
    }
    return FamilyReading(readings, sum((reading.reaped for reading in readings.values()), Account()))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("readings", "cpu_s", "reaped_s"),
    [
        ([at(p=(1, 50), w=(9, 0)), at(p=(2, 50), w=(11, 0))], 3, 0),
        ([at(p=(1, 50), w=(9, 0)), at(p=(2, 50), w=(11, 0)), at(p=(2, 61.5))], 3.5, 0.5),  # what no reading had
        ([at(p=(1, 50)), at(p=(1, 52))], 2, 2),  # came and went unseen
        ([at(p=(1, 0), w=(9, 4)), at(p=(1, 14))], 1, 1),  # took the account of its own children along
        ([at(p=(1, 0), w=(9, 0)), at(p=(1, 0)), at(p=(1, 2))], 2, 2),  # nobody waited for the first that ended
        ([at(p=(1, 0)), at(p=(1, 0), w=(2, 0)), at(p=(1, 2.5))], 2.5, 0.5),  # born and ended
    ],
)
def test_what_is_counted_of_those_that_end(
    readings: list[FamilyReading], cpu_s: float, reaped_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    coming, now = iter(readings), [readings[0]]

    def read(root_pid: int) -> FamilyReading:
        now[0] = next(coming)
        return now[0]

    def list_now() -> list[ServerProcess]:
        return [ServerProcess(pid=each.pid, born_s=1.0, role="worker", name="x") for each in now[0].processes]

    monkeypatch.setattr("harness.monitor.monitor.read_family", read)
    monkeypatch.setattr("harness.monitor.monitor.read_pss_bytes", lambda process: None)
    monitor = Monitor(list_now, 1)
    monitor.begin()
    for _ in readings[1:]:
        monitor.sample()
    usage = monitor.usage()
    assert [usage.cpu_s, usage.reaped_cpu_s] == pytest.approx([cpu_s, reaped_s])
    assert usage.series[-1].all_cpu_s == pytest.approx(cpu_s)
    reaped = Account(usage.reaped_cpu_s, usage.reaped_minor_faults, usage.reaped_major_faults)
    assert reaped == faulting(reaped_s)
    assert sum(used.minor_faults or 0 for used in usage.processes) == round(10 * (cpu_s - reaped_s))
    assert sum(used.major_faults or 0 for used in usage.processes) == round(2 * (cpu_s - reaped_s))
    left = {process.pid for process in readings[-1].processes}
    assert {used.pid for used in usage.processes if not used.ended} == left


def test_a_worker_that_ends_before_its_memory_is_read_has_ended(idle: "subprocess.Popen[bytes]") -> None:
    """Or the whole run would have to do without proportional memory."""
    monitor = watch(listed(idle))
    monitor.begin()
    monitor.sample()
    idle.kill()
    idle.wait()
    (used,) = monitor.usage().processes
    assert (used.ended, used.pss_bytes) == (True, None)
