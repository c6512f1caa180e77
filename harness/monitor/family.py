"""All that descends from a process, at one time: also those that have ended, as far as somebody has their account."""

from dataclasses import dataclass, field
from typing import Final

import psutil

from harness.monitor.processes import ProcessReading, read_process

TRIES: Final = 5


@dataclass(frozen=True)
class FamilyReading:
    """Counters of every descendant. ``reaped_s`` is the CPU of those that have ended and were waited for."""

    processes: dict[psutil.Process, ProcessReading] = field(default_factory=dict)
    reaped_s: float = 0.0

    @property
    def cpu_s(self) -> float:
        """Of all that there are and were.

        Whoever waits for a child takes over its account (wait_task_zombie in the kernel's exit.c), so nothing is lost
        and nothing counted twice. But of a child whose parent ignores SIGCHLD nobody has an account once it is gone.
        """
        return sum(reading.cpu_s for reading in self.processes.values()) + self.reaped_s


def is_account_lost(before: FamilyReading, now: FamilyReading) -> bool:
    """Whether one has ended since then whose parent ignores SIGCHLD: what it used since is known to nobody, nor that of
    others like it who came and went meanwhile."""
    by_pid = {process.pid: reading for process, reading in before.processes.items()}
    parents = [by_pid.get(by_pid[process.pid].parent_pid) for process in before.processes.keys() - now.processes.keys()]
    return any(parent.ignores_sigchld for parent in parents if parent)


def read_family(root_pid: int) -> FamilyReading:
    """Descendants of a process that adopts those whose parents end. None has been waited for while they were read, by
    whom it would be counted again; where there are ends without end, some may have been."""
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
