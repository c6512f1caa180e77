"""CPU use of the loop itself: its CPU time, and the time in which it could have run and no core was free."""

import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from harness.units import NS_PER_S

SCHEDSTAT = Path("/proc/self/schedstat")  # time running, time runnable, slices: see the kernel's sched-stats.rst


@dataclass(frozen=True)
class CpuUse:
    """The CPU time of this process and the time it waited for a core, in seconds.

    ``waited_s`` is None where the kernel keeps no such statistics.
    """

    cpu_s: float
    waited_s: float | None

    @classmethod
    def read_counters(cls) -> Self:
        """Return the counters since the process began."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        try:
            waited_s = int(SCHEDSTAT.read_text(encoding="ascii").split()[1]) / NS_PER_S
        except (OSError, IndexError, ValueError):
            waited_s = None
        return cls(usage.ru_utime + usage.ru_stime, waited_s)

    def subtract(self, before: Self) -> "CpuUse":
        """Return the use between ``before`` and this reading."""
        waited_s = None if self.waited_s is None or before.waited_s is None else self.waited_s - before.waited_s
        return CpuUse(self.cpu_s - before.cpu_s, waited_s)

    def busy_share(self, window_s: float, spin_s: float) -> float | None:
        """Return the share of the window in which the loop worked or waited for a core, without the time it only spun.

        None where the kernel does not say how long it waited.
        """
        if self.waited_s is None:
            return None
        return min(1.0, max(0.0, (self.cpu_s + self.waited_s - spin_s) / window_s))
