"""The window between two readings of the server's processes and of the machine."""

import os
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from statistics import harmonic_mean
from typing import Final

import psutil

from harness.machine.host import Host
from harness.monitor.family import FamilyReading, is_account_lost, read_family
from harness.monitor.machine import read_machine, used_by_machine
from harness.monitor.others import Stat, busiest_others, read_all
from harness.monitor.pace import Pace
from harness.monitor.processes import ProcessReading, read_pss_bytes, used_by_process
from harness.record import ProcessUsage, ServerProcess, Usage, UsageSecond
from harness.units import NS_PER_US

LEAST_OTHER_CORES: Final = 0.05  # that another process used of which is told


@dataclass
class Watched:
    """A process that was seen in the window: its readings at both ends of the part of the window in which it was there,
    from ``since_s`` to ``until_s`` (seconds after boot)."""

    listed: ServerProcess
    first: ProcessReading
    last: ProcessReading
    since_s: float
    until_s: float

    @property
    def cpu_s(self) -> float:
        """As far as it was read."""
        return self.last.cpu_s - self.first.cpu_s


class Monitor:
    """Reads the counters of the server's processes, which all descend from the process ``root_pid``. ``census`` lists
    those that live, once for each reading. One that was not there before is watched from its birth, one that ends keeps
    its last reading, and what neither has is in the accounts of those who waited for it.

    ``pace`` is that of the server's cores, if anybody measures it.
    """

    def __init__(self, census: Callable[[], list[ServerProcess]], root_pid: int, pace: Pace | None = None) -> None:
        self._census = census
        self._root_pid = root_pid
        self._pace = pace
        self._pace_ns: list[int] = []
        self._host = Host.here()  # on its cores generator and server run too
        self._first = self._last = FamilyReading()
        self._first_machine = self._last_machine = read_machine(self._host)
        self._watched: dict[psutil.Process, Watched] = {}
        self._reaped_cpu_s = 0.0
        self._is_cpu_lost = False
        self._series: list[UsageSecond] = []
        self._begin_s = self._end_s = _boot_s()
        self._first_stats: dict[int, Stat] = {}

    def begin(self) -> None:
        """The measured window begins now."""
        self._watched, self._series, self._reaped_cpu_s, self._is_cpu_lost = {}, [], 0.0, False
        self._first = self._last = read_family(self._root_pid)
        self._first_machine = self._last_machine = read_machine(self._host)
        self._begin_s = self._end_s = _boot_s()
        self._new_pace_ns()  # of the warm-up
        self._pace_ns = []
        self._watch()
        self._first_stats = read_all()

    def sample(self) -> None:
        """Add a row to the series; the last one before :meth:`usage` ends the window."""
        unwatched_s, before = self._unwatched_cpu_s(), self._last
        self._last = read_family(self._root_pid)
        self._last_machine = read_machine(self._host)
        self._end_s = _boot_s()
        self._pace_ns += self._new_pace_ns()
        self._is_cpu_lost |= is_account_lost(before, self._last)
        self._watch()
        more_s = round(self._unwatched_cpu_s() - unwatched_s, 6)  # which leaves nothing of adding up fractions
        self._reaped_cpu_s += max(0.0, more_s)  # less than nothing where somebody ended and nobody waited
        self._series.append(self._row())

    def usage(self) -> Usage:
        """What was used between :meth:`begin` and the last :meth:`sample`. Reads the memory too: call it before much
        can have changed."""
        window_s = self._end_s - self._begin_s
        others = busiest_others(self._first_stats, read_all(), os.getpid(), LEAST_OTHER_CORES * window_s)
        return Usage(
            window_s=window_s,
            processes=[self._used(process, watched) for process, watched in self._watched.items()],
            reaped_cpu_s=self._reaped_cpu_s,
            is_cpu_lost=self._is_cpu_lost,
            machine=used_by_machine(self._first_machine, self._last_machine),
            pace_us=harmonic_mean(self._pace_ns) / NS_PER_US if self._pace_ns else None,
            series=self._series,
            others=others,
        )

    def _used(self, process: psutil.Process, watched: Watched) -> ProcessUsage:
        pss_bytes = read_pss_bytes(process) if self._lives(process) else None
        ended = not self._lives(process) or (pss_bytes is None and not process.is_running())  # since the last reading
        return used_by_process(
            watched.listed,
            watched.first,
            watched.last,
            lived_s=watched.until_s - watched.since_s,
            pss_bytes=pss_bytes,
            ended=ended,
        )

    def _watch(self) -> None:
        """Take on who is new, and the newest readings of all. After these, since the census takes its time."""
        living = {process.pid: process for process in self._last.processes if self._lives(process)}
        for listed in self._census():
            process = living.get(listed.pid)
            if process is None:  # born since, and so found by the next look
                continue
            watched = self._watched.setdefault(process, self._begun(process, listed))
            if watched.listed.role == "helper":  # a worker that has just been born, and did not show it yet
                watched.listed = listed
        for process, watched in self._watched.items():
            reading = self._last.processes.get(process)
            if reading is not None and not watched.last.has_ended:
                watched.last, watched.until_s = reading.after(watched.last), self._end_s

    def _begun(self, process: psutil.Process, listed: ServerProcess) -> Watched:
        """What is watched from the beginning of the window, or from its birth within."""
        first = self._first.processes.get(process)
        if first is None:
            return Watched(listed, ProcessReading(), ProcessReading(), max(self._begin_s, listed.born_s), self._end_s)
        return Watched(listed, first, first, self._begin_s, self._end_s)

    def _lives(self, process: psutil.Process) -> bool:
        reading = self._last.processes.get(process)
        return reading is not None and not reading.has_ended

    def _row(self) -> UsageSecond:
        cpu_s, rss_bytes = defaultdict[int, float](float), defaultdict[int, int](int)  # a pid may have been given twice
        for process, watched in self._watched.items():
            cpu_s[watched.listed.pid] += watched.cpu_s
            rss_bytes[watched.listed.pid] += watched.last.rss_bytes if self._lives(process) else 0
        return UsageSecond(
            end_s=self._end_s - self._begin_s,
            cpu_s=dict(cpu_s),
            rss_bytes=dict(rss_bytes),
            reaped_cpu_s=self._reaped_cpu_s,
        )

    def _unwatched_cpu_s(self) -> float:
        """What all of the family ever used, less what the readings of each add up to."""
        return self._last.cpu_s - sum(watched.cpu_s for watched in self._watched.values())

    def _new_pace_ns(self) -> list[int]:
        return self._pace.readings_ns() if self._pace else []


def _boot_s() -> float:
    """Now, by the clock that births are told by."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
