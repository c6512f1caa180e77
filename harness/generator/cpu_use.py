"""CPU use of the loop itself: its CPU time, and the time in which it could have run and no core was free."""

import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from harness.units import NS_PER_S

SCHEDSTAT = Path("/proc/self/schedstat")  # time running, time runnable, slices: see the kernel's sched-stats.rst


@dataclass(frozen=True)
class CpuUse:
    """The CPU time of this process and the time it waited for a core (seconds), in so many ``waits``: after it woke, or
    after it was ``preempted``.

    ``waited_s`` is None where the kernel keeps no such statistics.
    """

    cpu_s: float
    waited_s: float | None
    waits: int = 0
    preempted: int = 0

    @classmethod
    def read_counters(cls) -> Self:
        """Return the counters since the process began."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        cpu_s = usage.ru_utime + usage.ru_stime
        try:
            _, waited_ns, waits = map(int, SCHEDSTAT.read_text(encoding="ascii").split())
        except (OSError, ValueError):
            return cls(cpu_s, None)
        return cls(cpu_s, waited_ns / NS_PER_S, waits, usage.ru_nivcsw)

    def subtract(self, before: Self) -> "CpuUse":
        """Return the use between ``before`` and this reading."""
        waited_s = None if self.waited_s is None or before.waited_s is None else self.waited_s - before.waited_s
        waits, preempted = self.waits - before.waits, self.preempted - before.preempted
        return CpuUse(self.cpu_s - before.cpu_s, waited_s, waits, preempted)

    def kept_waiting_s(self, answered_per_s: float, connections: int) -> float:
        """Return the time for which the connections of a closed loop, on the average, had a response that waited for
        this process to get a core (seconds).

        A process that has just woken keeps the response waiting that woke it and, half as long, those that come before
        it runs. All others are with the server, which loses nothing by it. One that was preempted may have had any
        number of them before it: then all count.
        """
        if not self.waited_s:
            return 0.0
        waits = max(1, self.waits)
        delayed = 1 + answered_per_s * self.waited_s / waits / 2
        begun_with_all = min(1.0, self.preempted / waits)
        return self.waited_s * (begun_with_all + (1 - begun_with_all) * min(1.0, delayed / connections))

    def busy_share(self, window_s: float, spin_s: float) -> float | None:
        """Return the share of the window in which the loop worked or waited for a core, without the time it only spun.

        None where the kernel does not say how long it waited.
        """
        if self.waited_s is None:
            return None
        return min(1.0, max(0.0, (self.cpu_s + self.waited_s - spin_s) / window_s))
