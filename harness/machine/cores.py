"""The cores that can be used: limited by the CPUs that a process may run on and by its CPU quota."""

import math
from dataclasses import dataclass
from typing import Self

from harness.machine.cgroup import read_quota_cores
from harness.machine.host import Host


@dataclass(frozen=True)
class UsableCores:
    """The cores that this process, and so all that it starts, can use.

    It may run on ``cpus``, which are online and in its cpuset. ``quota`` is the CPU time that it gets, in cores' worth:
    infinite without a limit, or if it is unknown.
    """

    cpus: tuple[int, ...]
    quota: float = math.inf

    @classmethod
    def of(cls, host: Host) -> Self:
        """Return the usable cores of a machine."""
        quota = read_quota_cores(host)
        return cls(host.cpus, math.inf if quota is None else quota)

    @classmethod
    def here(cls) -> Self:
        """Return the usable cores of this machine."""
        return cls.of(Host.here())

    @property
    def is_limited(self) -> bool:
        """True if the quota is less than the number of CPUs. It limits time: then no process has a core of its own."""
        return self.quota < len(self.cpus)

    @property
    def worth(self) -> float:
        """The CPU time that there is, in cores' worth: such as 1.5 under a quota of one and a half."""
        return min(float(len(self.cpus)), self.quota)

    @property
    def count(self) -> int:
        """The number of whole cores, at least one."""
        return max(1, math.floor(self.worth))
