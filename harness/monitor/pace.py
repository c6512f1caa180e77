"""The core speed that a server met: that of the cores on which it ran.

Two cores of a virtual machine change their speed independently of each other. A server in one process stays on one of
them for seconds, so that the speed of the other says nothing of it.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from statistics import fmean, median
from typing import Final

from harness.monitor.core_speed import CoreReading
from harness.monitor.family import FamilyReading
from harness.monitor.processes import NEWBORN
from harness.units import NS_PER_US

LEAST: Final = 0.25  # of the median: a shorter reading is none (time that was withheld is taken from a thread's)
NOTHING_S: Final = 1e-9  # that all cores have in common, so that a server that did nothing met their mean


class PaceMeter:
    """The mean speed of the cores over the CPU time of a server, from one interval after another."""

    def __init__(self) -> None:
        self._cpu_s = 0.0
        self._pieces = 0.0  # for which that time would have been enough, in pieces × s / ns

    def add(self, before: FamilyReading, after: FamilyReading, readings: Sequence[CoreReading]) -> None:
        """Add an interval: the server's processes before and after it, and the readings within it."""
        speeds = core_speeds(readings)
        if not speeds:
            return
        for core, cpu_s in divide_cpu_time(before, after, speeds.keys()).items():
            self._cpu_s += cpu_s
            self._pieces += cpu_s * speeds[core]

    @property
    def pace_us(self) -> float | None:
        """The CPU time of a piece of work at the mean speed (µs); None where nothing was measured."""
        return self._cpu_s / self._pieces / NS_PER_US if self._pieces else None


def core_speeds(readings: Sequence[CoreReading]) -> dict[int, float]:
    """Return the mean speed of each core (pieces of work per ns of CPU time). Speeds add up as requests do."""
    by_core = defaultdict[int, list[int]](list)
    for core, cpu_ns, _ in readings:
        by_core[core].append(cpu_ns)
    sound = {core: [ns for ns in found if ns > max(0, LEAST * median(found))] for core, found in by_core.items()}
    return {core: fmean(1 / ns for ns in found) for core, found in sound.items() if found}


def divide_cpu_time(before: FamilyReading, after: FamilyReading, cores: Collection[int]) -> dict[int, float]:
    """Return how much of their CPU time (s) all processes spent on each of the cores: that of a thread on those where
    it was seen at both ends. What can't be told is divided equally, such as that of processes that have ended."""
    divided = dict.fromkeys(cores, 0.0)
    total_s = NOTHING_S + max(0.0, (after.account - before.account).cpu_s)
    for process, reading in after.processes.items():
        first = before.processes.get(process, NEWBORN).threads
        for tid, thread in reading.threads.items():
            seen = [each[tid].core for each in (first, reading.threads) if tid in each]
            for core in seen:
                if core in divided:
                    divided[core] += thread.since(first.get(tid)).cpu_s / len(seen)
    rest_s = max(0.0, total_s - sum(divided.values()))
    return {core: cpu_s + rest_s / len(divided) for core, cpu_s in divided.items()}
