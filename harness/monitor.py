"""What the server's processes use: CPU seconds, resident memory and context switches, read by psutil."""

import time
from dataclasses import dataclass

import psutil

from harness.record import ProcessUsage, ServerProcess, Usage, UsageSecond


@dataclass(frozen=True)
class Reading:
    """Counters of one process since it was born."""

    user_s: float
    system_s: float
    rss_bytes: int
    voluntary_switches: int
    involuntary_switches: int


class Monitor:
    """Reads the counters of the given processes; a process that has ended keeps its last reading."""

    def __init__(self, processes: list[ServerProcess]) -> None:
        self._processes = {process.pid: process for process in processes}
        self._handles = {pid: psutil.Process(pid) for pid in self._processes if psutil.pid_exists(pid)}
        self._first: dict[int, Reading] = {}
        self._last: dict[int, Reading] = {}
        self._series: list[UsageSecond] = []
        self._begin_s = self._end_s = time.monotonic()

    def begin(self) -> None:
        """The measured window begins now."""
        self._first = self._last = self._read()
        self._begin_s = self._end_s = time.monotonic()
        self._series = []

    def sample(self) -> None:
        """Add a row to the series; the last one before :meth:`usage` ends the window."""
        self._last = self._last | self._read()
        self._end_s = time.monotonic()
        self._series.append(
            UsageSecond(
                end_s=self._end_s - self._begin_s,
                cpu_s={pid: self._cpu_s(pid) for pid in self._first},
                rss_bytes={pid: self._last[pid].rss_bytes for pid in self._first},
            )
        )

    def usage(self) -> Usage:
        """What was used between :meth:`begin` and the last :meth:`sample`."""
        return Usage(
            window_s=self._end_s - self._begin_s,
            processes=[self._usage(pid) for pid in self._first],
            series=self._series,
        )

    def _usage(self, pid: int) -> ProcessUsage:
        first, last = self._first[pid], self._last[pid]
        return ProcessUsage(
            pid=pid,
            role=self._processes[pid].role,
            user_s=last.user_s - first.user_s,
            system_s=last.system_s - first.system_s,
            rss_bytes=last.rss_bytes,
            voluntary_switches=last.voluntary_switches - first.voluntary_switches,
            involuntary_switches=last.involuntary_switches - first.involuntary_switches,
        )

    def _cpu_s(self, pid: int) -> float:
        first, last = self._first[pid], self._last[pid]
        return last.user_s + last.system_s - first.user_s - first.system_s

    def _read(self) -> dict[int, Reading]:
        readings = {}
        for pid, handle in self._handles.items():
            try:
                with handle.oneshot():
                    if handle.status() == psutil.STATUS_ZOMBIE:
                        continue  # ended, and its memory is gone; the last reading stands
                    cpu, switches = handle.cpu_times(), handle.num_ctx_switches()
                    readings[pid] = Reading(
                        cpu.user,
                        cpu.system,
                        handle.memory_info().rss,
                        switches.voluntary,
                        switches.involuntary,
                    )
            except psutil.NoSuchProcess:
                continue
        return readings
