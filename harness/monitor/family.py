"""Counters of all descendants of a process at one time, also of ended ones if a parent has waited for them."""

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import psutil

from harness.monitor.processes import ProcessReading, read_process
from harness.monitor.stat_file import NOTHING, Account, Stat, read_stat, read_stats

TRIES: Final = 5


@dataclass(frozen=True)
class FamilyReading:
    """The counters of every descendant. ``reaped`` is the account of those that have ended and were waited for.
    ``stats`` are all processes of the machine, by pid, among which the descendants were found."""

    processes: dict[psutil.Process, ProcessReading] = field(default_factory=dict)
    reaped: Account = NOTHING
    stats: Mapping[int, Stat] = field(default_factory=dict)

    @property
    def account(self) -> Account:
        """The CPU time and the page faults of all descendants, living and ended.

        A process that waits for a child takes over its account (wait_task_zombie in the kernel's exit.c), so nothing is
        lost and nothing is counted twice. But if a parent ignores SIGCHLD, the accounts of its ended children are lost.
        """
        return sum((reading.account for reading in self.processes.values()), self.reaped)


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
        stats = read_stats()
        family, root = list(_iter_descendants(root_pid, stats)), read_stat(root_pid)
        if root is None:
            return FamilyReading()
        read = {process: read_process(process) for process in family}
        readings = {process: reading for process, reading in read.items() if reading is not None}
        reaped = sum((reading.reaped for reading in readings.values()), root.reaped)
        found = FamilyReading(readings, reaped, stats)
        if len(readings) == len(family) and all(process.is_running() for process in family):
            break
    return found


def _iter_descendants(root_pid: int, stats: Mapping[int, Stat]) -> Iterator[psutil.Process]:
    """Yield the descendants of a process among all of the machine, parents before their children.

    A process that is older than its parent has got that parent's pid by chance.
    """
    children = defaultdict[int, list[int]](list)
    for pid, stat in stats.items():
        if stat.parent_pid in stats and stat.born_ticks >= stats[stat.parent_pid].born_ticks:
            children[stat.parent_pid].append(pid)
    found = [root_pid]
    for pid in found:  # which grows
        for child in children[pid]:
            with contextlib.suppress(psutil.NoSuchProcess):
                yield psutil.Process(child)
                found.append(child)
