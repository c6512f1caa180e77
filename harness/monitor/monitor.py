"""The window between two readings of the server's processes and of the machine."""

import os
import time
from statistics import harmonic_mean

import psutil

from harness.monitor.machine import read_machine, used_by_machine
from harness.monitor.pace import Pace
from harness.monitor.processes import ProcessReading, read_process, used_by_process
from harness.record import ServerProcess, Usage, UsageSecond
from harness.units import NS_PER_US


class Monitor:
    """Reads the counters of the given processes; a process that has ended keeps its last reading.

    ``pace`` is that of the server's cores, if anybody measures it.
    """

    def __init__(self, processes: list[ServerProcess], pace: Pace | None = None) -> None:
        self._pace = pace
        self._pace_ns: list[int] = []
        self._processes = {process.pid: process for process in processes}
        self._handles = {pid: psutil.Process(pid) for pid in self._processes if psutil.pid_exists(pid)}
        self._first: dict[int, ProcessReading] = {}
        self._last: dict[int, ProcessReading] = {}
        self._cpus = os.sched_getaffinity(0)  # on these generator and server run too
        self._first_machine = self._last_machine = read_machine(self._cpus)
        self._series: list[UsageSecond] = []
        self._begin_s = self._end_s = time.monotonic()

    def begin(self) -> None:
        """The measured window begins now."""
        self._first = self._last = self._read()
        self._first_machine = self._last_machine = read_machine(self._cpus)
        self._begin_s = self._end_s = time.monotonic()
        self._series = []
        self._new_pace_ns()  # of the warm-up
        self._pace_ns = []

    def sample(self) -> None:
        """Add a row to the series; the last one before :meth:`usage` ends the window."""
        self._last = self._last | self._read()
        self._last_machine = read_machine(self._cpus)
        self._end_s = time.monotonic()
        self._pace_ns += self._new_pace_ns()
        self._series.append(
            UsageSecond(
                end_s=self._end_s - self._begin_s,
                cpu_s={pid: self._last[pid].cpu_s - first.cpu_s for pid, first in self._first.items()},
                rss_bytes={pid: self._last[pid].rss_bytes for pid in self._first},
            )
        )

    def usage(self) -> Usage:
        """What was used between :meth:`begin` and the last :meth:`sample`."""
        return Usage(
            window_s=self._end_s - self._begin_s,
            processes=[
                used_by_process(self._processes[pid], first, self._last[pid]) for pid, first in self._first.items()
            ],
            machine=used_by_machine(self._first_machine, self._last_machine),
            pace_us=harmonic_mean(self._pace_ns) / NS_PER_US if self._pace_ns else None,
            series=self._series,
        )

    def _new_pace_ns(self) -> list[int]:
        return self._pace.readings_ns() if self._pace else []

    def _read(self) -> dict[int, ProcessReading]:
        readings = {pid: read_process(handle) for pid, handle in self._handles.items()}
        return {pid: reading for pid, reading in readings.items() if reading is not None}
