"""All checks of a machine, ordered by subject."""

from typing import Final

from harness.doctor.cgroup import check_quota, check_throttling
from harness.doctor.check import Check
from harness.doctor.connections import check_backlog, check_open_files, check_ports, check_time_wait
from harness.doctor.contention import CpuTime, check_load_average, check_memory, check_steal
from harness.doctor.cpu import check_cores, check_governor, check_smt, check_turbo
from harness.doctor.demand import LoadDemand
from harness.doctor.system import check_aslr, check_virtualisation
from harness.machine.cgroup import read_throttling
from harness.machine.host import Host
from harness.scenario import Scenario

SAMPLE_S: Final = 0.5


def run_checkup(host: Host, scenario: Scenario | None) -> list[Check]:
    """Check everything that may spoil measurements of the scenario, or of a small one; this takes half a second.

    Each name is in the result exactly once, on any machine. Raises nothing.
    """
    demand = LoadDemand.of(scenario)
    cpu_before, throttled_before = CpuTime.read(host), read_throttling(host)
    host.pause(SAMPLE_S)
    return [
        check_cores(host, demand),
        check_governor(host),
        check_turbo(host),
        check_smt(host),
        check_virtualisation(host),
        check_steal(cpu_before, CpuTime.read(host), SAMPLE_S),
        check_quota(host),
        check_throttling(host, throttled_before, read_throttling(host), SAMPLE_S),
        check_load_average(host),
        check_memory(host),
        check_aslr(host),
        check_open_files(host, demand),
        check_ports(host, demand),
        check_time_wait(host),
        check_backlog(host, demand),
    ]
