"""The cores that can be used: the lesser of those that one may run on and those that one's CPU quota is worth."""

import math
from dataclasses import dataclass
from typing import Self

from harness.machine.cgroup import quota_cores
from harness.machine.host import Host


@dataclass(frozen=True)
class UsableCores:
    """The cores that this process, and so all that it starts, can use.

    It may run on ``cpus``, of which the kernel has taken out what is offline or outside of its cpuset. ``quota`` is the
    CPU time that it gets, in cores' worth: infinite without a limit, and where none is told.
    """

    cpus: tuple[int, ...]
    quota: float = math.inf

    @classmethod
    def of(cls, host: Host) -> Self:
        """On that machine."""
        quota = quota_cores(host)
        return cls(host.cpus, math.inf if quota is None else quota)

    @classmethod
    def here(cls) -> Self:
        """On this machine."""
        return cls.of(Host.here())

    @property
    def is_limited(self) -> bool:
        """Whether the quota is the lesser. It is one of time: nobody then has a core of one's own."""
        return self.quota < len(self.cpus)

    @property
    def worth(self) -> float:
        """By how much time is shared out: 1.5 under a quota of one and a half."""
        return min(float(len(self.cpus)), self.quota)

    @property
    def count(self) -> int:
        """Whole cores, one at the least."""
        return max(1, math.floor(self.worth))
