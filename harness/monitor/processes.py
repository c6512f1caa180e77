"""Counters of one process since it was born, and what it used between two readings of them."""

import contextlib
import os
from dataclasses import dataclass

import psutil

from harness.record import ProcessUsage, ServerProcess
from harness.units import NS_PER_S


@dataclass(frozen=True)
class ThreadReading:
    """How long a thread ran, and how long it could have run while it had no core."""

    cpu_s: float
    run_delay_s: float


@dataclass(frozen=True)
class ProcessReading:
    """Counters of one process. ``threads``, by their ids, are none where the kernel keeps no such statistics."""

    user_s: float
    system_s: float
    rss_bytes: int
    voluntary_switches: int
    involuntary_switches: int
    threads: dict[int, ThreadReading]

    @property
    def cpu_s(self) -> float:
        """User and system time."""
        return self.user_s + self.system_s


def read_process(process: psutil.Process) -> ProcessReading | None:
    """Its counters so far; None when it has ended, even if nobody has taken notice."""
    try:
        threads = _read_threads(process.pid)
        with process.oneshot():
            if process.status() == psutil.STATUS_ZOMBIE:
                return None  # its memory is gone; an earlier reading stands
            cpu, switches = process.cpu_times(), process.num_ctx_switches()
            return ProcessReading(
                user_s=cpu.user,
                system_s=cpu.system,
                rss_bytes=process.memory_info().rss,
                voluntary_switches=switches.voluntary,
                involuntary_switches=switches.involuntary,
                threads=threads,
            )
    except psutil.NoSuchProcess:
        return None


def used_by_process(process: ServerProcess, first: ProcessReading, last: ProcessReading) -> ProcessUsage:
    """What the process used between two readings. A thread that ended before the last is not in the run delay."""
    threads = [_since(first.threads.get(tid), thread) for tid, thread in last.threads.items()]
    return ProcessUsage(
        pid=process.pid,
        role=process.role,
        user_s=last.user_s - first.user_s,
        system_s=last.system_s - first.system_s,
        run_delay_s=sum(thread.run_delay_s for thread in threads) if threads else None,
        busiest_thread_s=max((thread.cpu_s for thread in threads), default=None),
        rss_bytes=last.rss_bytes,
        voluntary_switches=last.voluntary_switches - first.voluntary_switches,
        involuntary_switches=last.involuntary_switches - first.involuntary_switches,
    )


def _since(before: ThreadReading | None, now: ThreadReading) -> ThreadReading:
    if before is None:
        return now
    return ThreadReading(now.cpu_s - before.cpu_s, now.run_delay_s - before.run_delay_s)


def _read_threads(pid: int) -> dict[int, ThreadReading]:
    """Time running and time runnable of each thread: see the kernel's sched-stats.rst, which psutil does not read."""
    threads = {}
    for tid in _thread_ids(pid):
        with contextlib.suppress(OSError):  # the thread has ended since, or the kernel has no such file
            ran_ns, waited_ns, _ = map(int, _contents(f"/proc/{pid}/task/{tid}/schedstat").split())
            threads[int(tid)] = ThreadReading(ran_ns / NS_PER_S, waited_ns / NS_PER_S)
    return threads


def _thread_ids(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def _contents(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read()
