"""The monitor tells of the machine what the kernel says, where it says it."""

import os
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from harness.machine.host import Host
from harness.monitor import Monitor
from harness.monitor.machine import machine_usage_between, read_machine
from harness.record import CoreUsage, MachineUsage
from tests.server.polling import wait_until

TICK_PART_S = 1e-6  # of a clock tick, for what rounding does to differences
PSI = "some avg10=0.00 avg60=0.11 avg300=3.26 total=947776713\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
NETSTAT = (
    "TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPAbortOnData\nTcpExt: 1 23 45 6\n"
    "IpExt: InNoRoutes ListenDrops\nIpExt: 7 8\n"
)


def usage(
    busy_s: float = 0.0, idle_s: float = 0.0, pressure_s: float | None = 0.0, drops: int | None = 0
) -> MachineUsage:
    """Counters of a machine with one core."""
    core = CoreUsage(cpu=0, busy_s=busy_s, irq_s=0.0, idle_s=idle_s, steal_s=0.0)
    return MachineUsage(cores=[core], pressure_s=pressure_s, listen_overflows=drops, listen_drops=drops)


def test_only_the_cores_that_matter_are_read() -> None:
    here = Host.here()
    assert tuple(core.cpu for core in read_machine(here).cores) == here.cpus
    assert [core.cpu for core in read_machine(replace(here, cpus=here.cpus[:1])).cores] == [here.cpus[0]]


def test_a_core_is_busy_idle_or_stolen_all_the_time() -> None:
    """What is read lies between readings of our own."""
    cpus = os.sched_getaffinity(0)

    def times_s() -> float:
        guest = {"guest", "guest_nice"}  # which are in the others already
        cores = psutil.cpu_times(percpu=True)
        return sum(sum(v for k, v in cores[cpu]._asdict().items() if k not in guest) for cpu in cpus)

    before_s = times_s()
    machine = read_machine(Host.here())
    assert before_s - TICK_PART_S <= machine.busy_s + machine.idle_s + machine.steal_s <= times_s() + TICK_PART_S
    assert all(0.0 <= core.irq_s <= core.busy_s for core in machine.cores)


def test_time_passes_in_the_window_of_the_monitor() -> None:
    monitor = Monitor(list, os.getpid())
    monitor.begin()
    before = read_machine(Host.here())

    def has_passed() -> bool:
        now = read_machine(Host.here())
        return now.busy_s + now.idle_s > before.busy_s + before.idle_s + 0.05

    wait_until(has_passed, "time to pass")
    monitor.sample()
    machine = monitor.usage().machine
    assert machine.busy_s + machine.idle_s > 0.05 - TICK_PART_S
    assert machine.busy_s < before.busy_s
    monitor.begin()
    assert monitor.usage().machine.busy_s == 0.0


def made(root: Path, **files: str) -> Host:
    """A machine that tells what is in these files of /proc."""
    for name, text in files.items():
        file = root / "proc" / name.replace("_", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return replace(Host.here(), root=root)


def test_pressure_and_listen_queues_are_read(tmp_path: Path) -> None:
    machine = read_machine(made(tmp_path, pressure_cpu=PSI, net_netstat=NETSTAT))
    assert (machine.pressure_s, machine.listen_overflows, machine.listen_drops) == (947.776713, 23, 45)


DEV = "Inter-| Receive | Transmit\n face |bytes packets\n" + "".join(
    f"{name}: {received} 9 0 0 0 0 0 0 {sent} 9 0 0 0 0 0 0\n"
    for name, received, sent in (("lo", 9, 9), ("eth0", 12345, 67890))
)


def test_links_and_segments_are_read(tmp_path: Path) -> None:
    host = made(tmp_path, net_dev=DEV, net_snmp="Tcp: OutSegs RetransSegs\nTcp: 4000 23\n")
    speed = tmp_path / "sys" / "class" / "net" / "eth0" / "speed"
    speed.parent.mkdir(parents=True)
    speed.write_text("1000\n")
    machine = read_machine(host)
    assert (machine.sent_segments, machine.resent_segments) == (4000, 23)
    assert [(link.name, link.received_bytes, link.sent_bytes) for link in machine.links] == [("eth0", 12345, 67890)]
    assert machine.links[0].bytes_per_s == 125e6
    speed.write_text("-1\n")
    assert read_machine(host).links[0].bytes_per_s is None


def test_what_the_kernel_does_not_tell_is_unknown(tmp_path: Path) -> None:
    machine = read_machine(made(tmp_path))
    assert (machine.pressure_s, machine.listen_overflows, machine.listen_drops) == (None, None, None)
    assert (machine.quota_cores, machine.throttled_periods, machine.throttled_s) == (None, None, None)


def test_counters_that_are_not_there_are_unknown(tmp_path: Path) -> None:
    assert read_machine(made(tmp_path, net_netstat="TcpExt: SyncookiesSent\nTcpExt: 1\n")).listen_drops is None
    assert read_machine(made(tmp_path, net_netstat="")).listen_drops is None


def test_cores_keep_their_numbers_where_others_are_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three cores the second is offline, so that psutil tells of two."""
    (tmp_path / "stat").write_text("cpu  9 0 0 9\ncpu0 4 0 0 4\ncpu2 5 0 0 5\nintr 7\nbtime 3\n")
    monkeypatch.setattr("harness.monitor.machine.STAT", tmp_path / "stat")
    times = psutil.cpu_times(percpu=True)[0]
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: [times._replace(user=4.0), times._replace(user=5.0)])
    both = read_machine(replace(Host.here(), cpus=(0, 2)))
    assert [core.cpu for core in both.cores] == [0, 2]
    assert [core.cpu for core in read_machine(replace(Host.here(), cpus=(2,))).cores] == [2]
    alone = both.model_copy(update={"cores": both.cores[1:]})
    assert [core.cpu for core in machine_usage_between(both, alone).cores] == [
        2
    ]  # the other has gone offline meanwhile


def test_throttling_is_that_of_the_window(tmp_path: Path) -> None:
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "cgroup.controllers").write_text("cpu\n")
    (group / "cpu.max").write_text("50000 100000\n")
    host = made(tmp_path, self_cgroup="0::/\n")
    machines = []
    for periods, stopped_us in [(5, 250_000), (12, 1_000_000)]:
        (group / "cpu.stat").write_text(f"nr_periods 99\nnr_throttled {periods}\nthrottled_usec {stopped_us}\n")
        machines.append(read_machine(host))
    used = machine_usage_between(*machines)
    assert (used.quota_cores, used.throttled_periods, used.throttled_s) == (0.5, 7, 0.75)


def test_use_is_the_difference_of_two_readings() -> None:
    used = machine_usage_between(usage(1.0, 2.0, 0.5, 7), usage(1.5, 2.25, 0.75, 9))
    assert used == usage(0.5, 0.25, 0.25, 2)


def test_a_difference_to_the_unknown_is_unknown() -> None:
    known, unknown = usage(pressure_s=1.0, drops=1), usage(pressure_s=None, drops=None)
    assert machine_usage_between(known, unknown) == machine_usage_between(unknown, known) == unknown


def test_idle_time_that_goes_back_is_none() -> None:
    assert machine_usage_between(usage(idle_s=2.0), usage(idle_s=1.99)) == usage()
