"""Counters of all descendants of a process at one time, also of ended ones if a parent has waited for them."""

from dataclasses import dataclass, field
from typing import Final

import psutil

from harness.monitor.processes import ProcessReading, read_process

TRIES: Final = 5


@dataclass(frozen=True)
class FamilyReading:
    """The counters of every descendant. ``reaped_s`` is the CPU time of those that have ended and were waited for."""

    processes: dict[psutil.Process, ProcessReading] = field(default_factory=dict)
    reaped_s: float = 0.0

    @property
    def cpu_s(self) -> float:
        """The CPU time of all descendants, living and ended.

        A process that waits for a child takes over its CPU times (wait_task_zombie in the kernel's exit.c), so nothing
        is lost and nothing is counted twice. But if a parent ignores SIGCHLD, the times of its ended children are lost.
        """
        return sum(reading.cpu_s for reading in self.processes.values()) + self.reaped_s


def is_account_lost(before: FamilyReading, now: FamilyReading) -> bool:
    """Return whether a process has ended between the readings whose parent ignores SIGCHLD.

    What it used since the first reading is lost, as is that of siblings that started and ended in between.
    """
    by_pid = {process.pid: reading for process, reading in before.processes.items()}
    parents = [by_pid.get(by_pid[process.pid].parent_pid) for process in before.processes.keys() - now.processes.keys()]
    return any(parent.ignores_sigchld for parent in parents if parent)


def read_family(root_pid: int) -> FamilyReading:
    """Read the counters of all descendants of a process that adopts orphans.

    If a process was waited for during the reading, its times could be counted twice. Such a reading is repeated, up to
    TRIES times; where processes keep ending, the last one is returned as it is.
    """
    found = FamilyReading()
    for _ in range(TRIES):
        try:
            root = psutil.Process(root_pid)
            family, times = root.children(recursive=True), root.cpu_times()
        except psutil.NoSuchProcess:
            return FamilyReading()
        read = {process: read_process(process) for process in family}
        readings = {process: reading for process, reading in read.items() if reading is not None}
        reaped_s = sum(reading.reaped_s for reading in readings.values())
        found = FamilyReading(readings, reaped_s + times.children_user + times.children_system)
        if len(readings) == len(family) and all(process.is_running() for process in family):
            break
    return found
