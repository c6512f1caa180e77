"""What happens on the machine as a whole, whoever does it: read by psutil, and from /proc what that does not read."""

from collections.abc import Collection
from pathlib import Path
from typing import Final, TypeVar

import psutil

from harness.record import CoreUsage, MachineUsage

PRESSURE: Final = Path("/proc/pressure/cpu")  # see the kernel's psi.rst
NETSTAT: Final = Path("/proc/net/netstat")
US_PER_S: Final = 1_000_000

Count = TypeVar("Count", int, float)


def read_machine(cpus: Collection[int]) -> MachineUsage:
    """What happened since the machine was started; ``cpus`` are the cores that matter."""
    tcp = _tcp_counters()
    return MachineUsage(
        cores=[
            CoreUsage(
                cpu=cpu,
                busy_s=times.user + times.nice + times.system + times.irq + times.softirq,
                irq_s=times.irq + times.softirq,
                idle_s=times.idle + times.iowait,
                steal_s=times.steal,
            )
            for cpu, times in enumerate(psutil.cpu_times(percpu=True))  # all that are online, usually all there are
            if cpu in cpus
        ],
        pressure_s=_pressure_s(),
        listen_overflows=tcp.get("ListenOverflows"),
        listen_drops=tcp.get("ListenDrops"),
    )


def used_by_machine(first: MachineUsage, last: MachineUsage) -> MachineUsage:
    """What happened between two readings."""
    return MachineUsage(
        cores=[_used_by_core(before, now) for before, now in zip(first.cores, last.cores, strict=True)],
        pressure_s=_difference(first.pressure_s, last.pressure_s),
        listen_overflows=_difference(first.listen_overflows, last.listen_overflows),
        listen_drops=_difference(first.listen_drops, last.listen_drops),
    )


def _used_by_core(first: CoreUsage, last: CoreUsage) -> CoreUsage:
    return CoreUsage(
        cpu=last.cpu,
        busy_s=last.busy_s - first.busy_s,
        irq_s=last.irq_s - first.irq_s,
        idle_s=max(0.0, last.idle_s - first.idle_s),  # the time waiting for I/O may go back: proc_stat(5)
        steal_s=last.steal_s - first.steal_s,
    )


def _difference(first: Count | None, last: Count | None) -> Count | None:
    return None if first is None or last is None else last - first


def _pressure_s() -> float | None:
    """For how long some task waited for a core; None where the kernel does not tell."""
    try:
        some, _, _ = PRESSURE.read_text(encoding="ascii").partition("\n")
    except OSError:  # missing, or switched off (psi=0)
        return None
    _, is_there, total_us = some.partition("total=")
    return int(total_us) / US_PER_S if is_there else None


def _tcp_counters() -> dict[str, int]:
    """The extended TCP counters of this network namespace, by name; none where the kernel does not tell."""
    try:
        lines = NETSTAT.read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    extended = [line.split()[1:] for line in lines if line.startswith("TcpExt:")]  # the names, and the counts
    return {name: int(count) for name, count in zip(*extended, strict=True)} if extended else {}
