"""The counters of one process since its birth, and what it used between two readings of them."""

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Final, Self

import psutil

from harness.machine.host import word_after
from harness.monitor.stat_file import NOTHING, TICK_S, Account, parse_stat, read_counters, read_stat
from harness.record import ProcessUsage, ServerProcess
from harness.units import NS_PER_S

NEARLY_ALL: Final = 0.95  # of the CPU of a process
CLOCK_OF_SCHEDULER: Final = 2  # CPUCLOCK_SCHED, of the clocks that a process has


@dataclass(frozen=True)
class ThreadReading:
    """The scheduler's counters of a thread: how long it ran, how long it waited for a core while it could have run, and
    how often it got one. ``core`` is the one on which it ran last."""

    cpu_s: float
    run_delay_s: float
    timeslices: int = 0
    core: int = 0

    def since(self, before: "ThreadReading | None") -> "ThreadReading":
        """Return the difference to an earlier reading; all of this one if there is none, or if the id was reused."""
        if before is None or before.cpu_s > self.cpu_s:
            return self
        return ThreadReading(
            self.cpu_s - before.cpu_s,
            self.run_delay_s - before.run_delay_s,
            self.timeslices - before.timeslices,
            self.core,
        )


@dataclass(frozen=True)
class ProcessReading:
    """The counters of one process.

    User and system time are in clock ticks. ``cpu_ns`` is both together as the scheduler counts them, None if that is
    unknown. ``threads``, by their ids, are empty if the kernel keeps no statistics of them. ``reaped`` is the account
    of children that ended and were waited for, and of their own such children; those of children of a process that
    ``ignores_sigchld`` are lost. ``disk_bytes``, read from storage and written to it, is None if it is unknown. A
    process that ``has_ended`` and was not waited for yet has CPU times, page faults and nothing else.
    """

    user_s: float = 0.0
    system_s: float = 0.0
    cpu_ns: int | None = None
    minor_faults: int = 0
    major_faults: int = 0
    reaped: Account = NOTHING
    rss_bytes: int = 0
    voluntary_switches: int = 0
    involuntary_switches: int = 0
    thread_count: int = 0
    threads: dict[int, ThreadReading] = field(default_factory=dict)
    disk_bytes: int | None = None
    parent_pid: int = 0
    ignores_sigchld: bool = False
    has_ended: bool = False

    @property
    def account(self) -> Account:
        """The account that its parent will have: user and system time together, in ticks, and page faults."""
        return Account(self.user_s + self.system_s, self.minor_faults, self.major_faults)

    def merge(self, before: Self) -> Self:
        """Return this reading, completed from the one ``before``.

        That one has the threads that have ended since. If the process has ended, it has everything but the account.
        """
        if self.has_ended:
            return replace(
                before,
                user_s=self.user_s,
                system_s=self.system_s,
                minor_faults=self.minor_faults,
                major_faults=self.major_faults,
                reaped=self.reaped,
                has_ended=True,
            )
        most = max(before.thread_count, self.thread_count)
        return replace(self, threads=before.threads | self.threads, thread_count=most)


NEWBORN: Final = ProcessReading(cpu_ns=0)


def read_process(process: psutil.Process) -> ProcessReading | None:
    """Return the counters of a process so far; None when it is gone."""
    threads, stat = _read_threads(process.pid), read_stat(process.pid)
    if stat is None:
        return None
    reading = ProcessReading(
        user_s=stat.user_ticks * TICK_S,
        system_s=stat.system_ticks * TICK_S,
        cpu_ns=_read_cpu_ns(process.pid),
        minor_faults=stat.minor_faults,
        major_faults=stat.major_faults,
        reaped=stat.reaped,
        parent_pid=stat.parent_pid,
        has_ended=stat.has_ended,
    )
    if stat.has_ended:
        return reading
    try:
        status, rss_bytes = _read_status(process.pid), process.memory_info().rss
    except (OSError, psutil.NoSuchProcess):
        return None
    return replace(
        reading,
        rss_bytes=rss_bytes,
        voluntary_switches=int(status.get("voluntary_ctxt_switches", 0)),
        involuntary_switches=int(status.get("nonvoluntary_ctxt_switches", 0)),
        thread_count=int(status.get("Threads", 0)),
        threads=threads,
        disk_bytes=_read_disk_bytes(process.pid),
        ignores_sigchld=bool(int(status.get("SigIgn", "0"), 16) & 1 << signal.SIGCHLD - 1),
    )


def read_pss_bytes(process: psutil.Process) -> int | None:
    """Return the proportional set size of a process; None if it is another user's or gone, or if it is unknown.

    For this the kernel goes through all of its pages, which takes 20 ms for a GiB.
    """
    try:
        return int(getattr(process.memory_full_info(), "pss", 0)) or None
    except psutil.Error:
        return None


def process_usage_between(
    process: ServerProcess,
    first: ProcessReading,
    last: ProcessReading,
    lived_s: float | None = None,
    ended: bool = False,
) -> ProcessUsage:
    """Return what the process used between two readings."""
    threads = [thread.since(first.threads.get(tid)) for tid, thread in last.threads.items()]
    cpu_s, user_s, ticks_s = cpu_s_between(first, last), last.user_s - first.user_s, _ticks_s_between(first, last)
    user_share = user_s / ticks_s if ticks_s > 0 else 1.0
    return ProcessUsage(
        pid=process.pid,
        role=process.role,
        program=process.program,
        user_s=cpu_s * user_share,
        system_s=cpu_s * (1 - user_share),
        minor_faults=last.minor_faults - first.minor_faults,
        major_faults=last.major_faults - first.major_faults,
        run_delay_s=sum(thread.run_delay_s for thread in threads) if threads else None,
        busiest_thread_s=max((thread.cpu_s for thread in threads), default=None),
        rss_bytes=last.rss_bytes,
        voluntary_switches=last.voluntary_switches - first.voluntary_switches,
        involuntary_switches=last.involuntary_switches - first.involuntary_switches,
        threads=last.thread_count,
        busy_threads=_count_busy_threads(threads, cpu_s, last.thread_count) if threads else None,
        timeslices=sum(thread.timeslices for thread in threads) if threads else None,
        disk_bytes=None if last.disk_bytes is None else last.disk_bytes - (first.disk_bytes or 0),
        lived_s=lived_s,
        ended=ended,
    )


def cpu_s_between(first: ProcessReading, last: ProcessReading) -> float:
    """Return the CPU time (seconds) that a process used between two readings.

    It is what the scheduler counted in nanoseconds, where it tells. Of a process that has ended it is the account, in
    ticks: who waited for it has the rest in an account of its own.
    """
    if last.has_ended or first.cpu_ns is None or last.cpu_ns is None:
        return _ticks_s_between(first, last)
    return (last.cpu_ns - first.cpu_ns) / NS_PER_S


def wanted_s_between(first: ProcessReading, last: ProcessReading) -> float:
    """Return for how long (seconds) a process ran between two readings, or could have run and waited for a core. Of
    several threads it is the sum; waiting is missing where the kernel does not count it."""
    threads = [thread.since(first.threads.get(tid)) for tid, thread in last.threads.items()]
    return cpu_s_between(first, last) + sum(thread.run_delay_s for thread in threads)


def _ticks_s_between(first: ProcessReading, last: ProcessReading) -> float:
    return (last.account - first.account).cpu_s


def _count_busy_threads(threads: Sequence[ThreadReading], cpu_s: float, thread_count: int) -> int:
    """Return the smallest number of threads that together used nearly all of the CPU time.

    If all threads that were read used less than that, others started and ended between two readings. Then it is
    ``thread_count``, the most that there were at a time.
    """
    most_first_s = accumulate(sorted((thread.cpu_s for thread in threads), reverse=True))
    nearly_s = NEARLY_ALL * cpu_s - TICK_S  # where the CPU time of the process is in ticks
    return next((count for count, sum_s in enumerate(most_first_s, 1) if sum_s >= nearly_s), thread_count)


def _read_cpu_ns(pid: int) -> int | None:
    """Return the CPU time of a process, its threads that have ended included; None if it is gone, or if the kernel has
    no such clock.

    It is that of clock_getcpuclockid(3), which Python has for threads alone: the id is put together as there.
    """
    try:
        return time.clock_gettime_ns(~pid << 3 | CLOCK_OF_SCHEDULER)
    except OSError:
        return None


def _read_threads(pid: int) -> dict[int, ThreadReading]:
    """Read the running time, the waiting time and the timeslices of each thread (see the kernel's sched-stats.rst), and
    its core. psutil does not read them."""
    threads = {}
    for tid in _thread_ids(pid):
        with contextlib.suppress(OSError):  # the thread has ended since, or the kernel has no such file
            ran_ns, waited_ns, slices = map(int, read_counters(f"/proc/{pid}/task/{tid}/schedstat").split())
            core = parse_stat(read_counters(f"/proc/{pid}/task/{tid}/stat")).core
            threads[int(tid)] = ThreadReading(ran_ns / NS_PER_S, waited_ns / NS_PER_S, slices, core)
    return threads


def _read_disk_bytes(pid: int) -> int | None:
    """Return the bytes that a process had read from and written to storage, without the page cache; None if it is
    another user's."""
    try:
        counters = read_counters(f"/proc/{pid}/io").decode()
    except OSError:
        return None
    return sum(int(word_after(counters, key) or 0) for key in ("read_bytes:", "write_bytes:"))


def _read_status(pid: int) -> dict[str, str]:
    """Return the lines of a status file (proc_pid_status(5)) by their names. psutil reads the file once for each of
    them, and not the mask of ignored signals. Raises OSError."""
    lines = read_counters(f"/proc/{pid}/status").decode(errors="replace").split("\n")
    return {name: text for name, is_there, text in (line.partition(":\t") for line in lines) if is_there}


def _thread_ids(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
