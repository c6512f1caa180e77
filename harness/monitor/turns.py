"""The use of the machine in the turns of one server, of several that take turns of some milliseconds.

The counters of the cores have steps of ten milliseconds, and can't be read for each turn. But the CPU time of every
server and of every generator is known to the nanosecond: what is left is that of others, and spread evenly.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from harness.record import CoreUsage, MachineUsage


@dataclass(frozen=True)
class CpuTimes:
    """The CPU time (seconds) of servers, and of the generators of their load."""

    server_s: float
    generator_s: float

    @classmethod
    def add_up(cls, times: Sequence["CpuTimes"]) -> "CpuTimes":
        """Return the sum of all."""
        return cls(sum(each.server_s for each in times), sum(each.generator_s for each in times))

    @property
    def both_s(self) -> float:
        """That of both together."""
        return self.server_s + self.generator_s


def machine_in_turns(
    machine: MachineUsage, share: float, own: CpuTimes, together: CpuTimes, generator_cpus: Collection[int]
) -> MachineUsage:
    """Return what the machine did in the turns of one server, which had this ``share`` of the time. It used its ``own``
    CPU time, and all that took turns used it ``together``. ``generator_cpus`` are the generators' own cores, if they
    have some."""
    generators = [core for core in machine.cores if core.cpu in generator_cpus]
    servers = [core for core in machine.cores if core.cpu not in generator_cpus]
    if generators and servers:
        cores = [
            *_cores_in_turns(servers, share, own.server_s, together.server_s),
            *_cores_in_turns(generators, share, own.generator_s, together.generator_s),
        ]
    else:
        cores = list(_cores_in_turns(machine.cores, share, own.both_s, together.both_s))
    shared = ("pressure_s", "io_pressure_s", "throttled_s")
    changes = {name: None if (used := getattr(machine, name)) is None else share * used for name in shared}
    return machine.model_copy(update=changes | {"cores": sorted(cores, key=lambda core: core.cpu)})


def _cores_in_turns(cores: Sequence[CoreUsage], share: float, own_s: float, together_s: float) -> Iterator[CoreUsage]:
    busy_s = sum(core.busy_s for core in cores)
    part = (own_s + share * max(0.0, busy_s - together_s)) / busy_s if busy_s else 0.0
    for core in cores:
        steal_s, free_s = share * core.steal_s, share * (core.busy_s + core.idle_s)
        in_turns_s = min(free_s, part * core.busy_s)
        irq_s = min(in_turns_s, part * core.irq_s)
        yield core.model_copy(
            update={"busy_s": in_turns_s, "irq_s": irq_s, "idle_s": free_s - in_turns_s, "steal_s": steal_s}
        )
