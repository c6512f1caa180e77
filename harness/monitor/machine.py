"""Counters of the whole machine, whichever process caused them, read by psutil and from /proc."""

from pathlib import Path
from typing import Final, Literal, TypeVar

import psutil

from harness.machine.cgroup import read_throttling
from harness.machine.cores import UsableCores
from harness.machine.host import Host
from harness.record import CoreUsage, LinkUsage, MachineUsage

STAT: Final = Path("/proc/stat")  # as psutil reads it
US_PER_S: Final = 1_000_000
BITS_PER_MEGABIT: Final = 1_000_000
BITS_PER_BYTE: Final = 8

Count = TypeVar("Count", int, float)


def read_machine(host: Host) -> MachineUsage:
    """Return the counters since the machine was started, for the cores that can be used."""
    tcp, usable, stopped = _read_tcp_counters(host), UsableCores.of(host), read_throttling(host)
    segments = _read_counters(host, "proc/net/snmp", "Tcp:")
    return MachineUsage(
        cores=[
            CoreUsage(
                cpu=cpu,
                busy_s=times.user + times.nice + times.system + times.irq + times.softirq,
                irq_s=times.irq + times.softirq,
                idle_s=times.idle + times.iowait,
                steal_s=times.steal,
            )
            for cpu, times in zip(_read_online_cpus(), psutil.cpu_times(percpu=True), strict=False)
            if cpu in host.cpus
        ],
        pressure_s=_read_pressure_s(host, "cpu"),
        listen_overflows=tcp.get("ListenOverflows"),
        listen_drops=tcp.get("ListenDrops"),
        quota_cores=usable.quota if usable.is_limited else None,
        throttled_periods=stopped.periods if stopped else None,
        throttled_s=stopped.stopped_s if stopped else None,
        io_pressure_s=_read_pressure_s(host, "io"),
        sent_segments=segments.get("OutSegs"),
        resent_segments=segments.get("RetransSegs"),
        links=_read_links(host),
    )


def machine_usage_between(first: MachineUsage, last: MachineUsage) -> MachineUsage:
    """Return the differences between two readings, for the cores that are in both."""
    before, links = {core.cpu: core for core in first.cores}, {link.name: link for link in first.links}
    return MachineUsage(
        cores=[_core_usage_between(before[now.cpu], now) for now in last.cores if now.cpu in before],
        pressure_s=_difference(first.pressure_s, last.pressure_s),
        listen_overflows=_difference(first.listen_overflows, last.listen_overflows),
        listen_drops=_difference(first.listen_drops, last.listen_drops),
        quota_cores=last.quota_cores,
        throttled_periods=_difference(first.throttled_periods, last.throttled_periods),
        throttled_s=_difference(first.throttled_s, last.throttled_s),
        io_pressure_s=_difference(first.io_pressure_s, last.io_pressure_s),
        sent_segments=_difference(first.sent_segments, last.sent_segments),
        resent_segments=_difference(first.resent_segments, last.resent_segments),
        links=[_link_usage_between(links[now.name], now) for now in last.links if now.name in links],
    )


def _read_online_cpus() -> list[int]:
    """Return the numbers of the cores that are online, in the order in which psutil lists them."""
    names = [line.split(" ", 1)[0].removeprefix("cpu") for line in STAT.read_text(encoding="ascii").splitlines()]
    return [int(name) for name in names if name.isdecimal()]


def _core_usage_between(first: CoreUsage, last: CoreUsage) -> CoreUsage:
    return CoreUsage(
        cpu=last.cpu,
        busy_s=last.busy_s - first.busy_s,
        irq_s=last.irq_s - first.irq_s,
        idle_s=max(0.0, last.idle_s - first.idle_s),  # the time waiting for I/O may go back: proc_stat(5)
        steal_s=last.steal_s - first.steal_s,
    )


def _link_usage_between(first: LinkUsage, last: LinkUsage) -> LinkUsage:
    return last.model_copy(
        update={
            "received_bytes": last.received_bytes - first.received_bytes,
            "sent_bytes": last.sent_bytes - first.sent_bytes,
        }
    )


def _difference(first: Count | None, last: Count | None) -> Count | None:
    return None if first is None or last is None else last - first


def _read_pressure_s(host: Host, resource: Literal["cpu", "io"]) -> float | None:
    """Return for how long some task waited for the resource (see the kernel's psi.rst); None if that is unknown."""
    # The file is missing, or can't be read, where this is switched off (psi=0).
    some, _, _ = (host.text(f"proc/pressure/{resource}") or "").partition("\n")
    _, is_there, total_us = some.partition("total=")
    return int(total_us) / US_PER_S if is_there else None


def _read_tcp_counters(host: Host) -> dict[str, int]:
    """Return the extended TCP counters of this network namespace, by name; none if the kernel does not have them."""
    return _read_counters(host, "proc/net/netstat", "TcpExt:")


def _read_counters(host: Host, file: str, of: str) -> dict[str, int]:
    """Return the counters of one protocol in the file, by name; none if the kernel does not have them."""
    lines = [line.split()[1:] for line in (host.text(file) or "").splitlines() if line.startswith(of)]
    return {name: int(count) for name, count in zip(*lines, strict=True)} if lines else {}  # the names, and the counts


def _read_links(host: Host) -> list[LinkUsage]:
    """Return the counters of all network interfaces but the loopback one (proc_pid_net(5))."""
    found = []
    for line in (host.text("proc/net/dev") or "").splitlines():
        name, colon, rest = (part.strip() for part in line.partition(":"))
        if colon and name != "lo":
            counts = rest.split()
            megabits_per_s = host.number(f"sys/class/net/{name}/speed") or 0  # -1 or 0 where it is unknown
            speed = megabits_per_s * BITS_PER_MEGABIT / BITS_PER_BYTE or None
            found.append(
                LinkUsage(name=name, received_bytes=int(counts[0]), sent_bytes=int(counts[8]), bytes_per_s=speed)
            )
    return found
