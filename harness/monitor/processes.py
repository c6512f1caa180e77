"""The counters of one process since its birth, and what it used between two readings of them."""

import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Final, Self

import psutil

from harness.machine.host import word_after
from harness.record import ProcessUsage, ServerProcess
from harness.units import NS_PER_S

NEARLY_ALL: Final = 0.95  # of the CPU of a process
TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class ThreadReading:
    """The scheduler's counters of a thread: how long it ran, how long it waited for a core while it could have run, and
    how often it got one."""

    cpu_s: float
    run_delay_s: float
    timeslices: int = 0

    def since(self, before: "ThreadReading | None") -> "ThreadReading":
        """Return the difference to an earlier reading; all of this one if there is none, or if the id was reused."""
        if before is None or before.cpu_s > self.cpu_s:
            return self
        return ThreadReading(
            self.cpu_s - before.cpu_s, self.run_delay_s - before.run_delay_s, self.timeslices - before.timeslices
        )


@dataclass(frozen=True)
class ProcessReading:
    """The counters of one process.

    ``threads``, by their ids, are empty if the kernel keeps no statistics of them. ``reaped_s`` is the CPU time of
    children that ended and were waited for, and of their own such children; the times of children of a process that
    ``ignores_sigchld`` are lost. ``disk_bytes``, read from storage and written to it, is None if it is unknown. A
    process that ``has_ended`` and was not waited for yet has CPU times and nothing else.
    """

    user_s: float = 0.0
    system_s: float = 0.0
    reaped_s: float = 0.0
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
    def cpu_s(self) -> float:
        """The CPU time: user and system time."""
        return self.user_s + self.system_s

    def merge(self, before: Self) -> Self:
        """Return this reading, completed from the one ``before``.

        That one has the threads that have ended since. If the process has ended, it has everything but the CPU times.
        """
        if self.has_ended:
            return replace(before, user_s=self.user_s, system_s=self.system_s, reaped_s=self.reaped_s, has_ended=True)
        most = max(before.thread_count, self.thread_count)
        return replace(self, threads=before.threads | self.threads, thread_count=most)


def read_process(process: psutil.Process) -> ProcessReading | None:
    """Return the counters of a process so far; None when it is gone."""
    try:
        threads = _read_threads(process.pid)
        with process.oneshot():
            cpu, has_ended = process.cpu_times(), process.status() == psutil.STATUS_ZOMBIE
            reading = ProcessReading(
                user_s=cpu.user,
                system_s=cpu.system,
                reaped_s=cpu.children_user + cpu.children_system,
                parent_pid=process.ppid(),
                has_ended=has_ended,
            )
            if has_ended:
                return reading
            switches = process.num_ctx_switches()
            return replace(
                reading,
                rss_bytes=process.memory_info().rss,
                voluntary_switches=switches.voluntary,
                involuntary_switches=switches.involuntary,
                thread_count=process.num_threads(),
                threads=threads,
                disk_bytes=_read_disk_bytes(process.pid),
                ignores_sigchld=_ignores_sigchld(process.pid),
            )
    except psutil.NoSuchProcess:
        return None


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
    pss_bytes: int | None = None,
    ended: bool = False,
) -> ProcessUsage:
    """Return what the process used between two readings."""
    threads = [thread.since(first.threads.get(tid)) for tid, thread in last.threads.items()]
    cpu_s = last.cpu_s - first.cpu_s
    return ProcessUsage(
        pid=process.pid,
        role=process.role,
        program=process.program,
        user_s=last.user_s - first.user_s,
        system_s=last.system_s - first.system_s,
        run_delay_s=sum(thread.run_delay_s for thread in threads) if threads else None,
        busiest_thread_s=max((thread.cpu_s for thread in threads), default=None),
        rss_bytes=last.rss_bytes,
        pss_bytes=pss_bytes,
        voluntary_switches=last.voluntary_switches - first.voluntary_switches,
        involuntary_switches=last.involuntary_switches - first.involuntary_switches,
        threads=last.thread_count,
        busy_threads=_count_busy_threads(threads, cpu_s, last.thread_count) if threads else None,
        timeslices=sum(thread.timeslices for thread in threads) if threads else None,
        disk_bytes=None if last.disk_bytes is None else last.disk_bytes - (first.disk_bytes or 0),
        lived_s=lived_s,
        ended=ended,
    )


def _count_busy_threads(threads: Sequence[ThreadReading], cpu_s: float, thread_count: int) -> int:
    """Return the smallest number of threads that together used nearly all of the CPU time.

    If all threads that were read used less than that, others started and ended between two readings. Then it is
    ``thread_count``, the most that there were at a time.
    """
    most_first_s = accumulate(sorted((thread.cpu_s for thread in threads), reverse=True))
    nearly_s = NEARLY_ALL * cpu_s - TICK_S  # the CPU time of the process is in ticks, that of threads is not
    return next((count for count, sum_s in enumerate(most_first_s, 1) if sum_s >= nearly_s), thread_count)


def _read_threads(pid: int) -> dict[int, ThreadReading]:
    """Read the running time, the waiting time and the timeslices of each thread (see the kernel's sched-stats.rst).

    psutil does not read them.
    """
    threads = {}
    for tid in _thread_ids(pid):
        with contextlib.suppress(OSError):  # the thread has ended since, or the kernel has no such file
            ran_ns, waited_ns, slices = map(int, _read_text(f"/proc/{pid}/task/{tid}/schedstat").split())
            threads[int(tid)] = ThreadReading(ran_ns / NS_PER_S, waited_ns / NS_PER_S, slices)
    return threads


def _read_disk_bytes(pid: int) -> int | None:
    """Return the bytes that a process had read from and written to storage, without the page cache; None if it is
    another user's."""
    try:
        counters = _read_text(f"/proc/{pid}/io")
    except OSError:
        return None
    return sum(int(word_after(counters, key) or 0) for key in ("read_bytes:", "write_bytes:"))


def _ignores_sigchld(pid: int) -> bool:
    """Return whether a process ignores SIGCHLD, by the mask in its status file, which psutil does not read."""
    try:
        mask = word_after(_read_text(f"/proc/{pid}/status"), "SigIgn:")
    except OSError:
        return False
    return bool(int(mask or "0", 16) & 1 << signal.SIGCHLD - 1)


def _thread_ids(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def _read_text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
