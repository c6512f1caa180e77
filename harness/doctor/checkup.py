"""All checks of a machine, in the order of what they look at."""

from typing import Final

from harness.doctor.cgroup import quota, throttling
from harness.doctor.check import Check
from harness.doctor.connections import backlog, open_files, ports, time_wait
from harness.doctor.contention import CpuTime, load_average, memory, steal
from harness.doctor.cpu import cores, governor, smt, turbo
from harness.doctor.demand import LoadDemand
from harness.doctor.system import aslr, virtualisation
from harness.machine.cgroup import throttled
from harness.machine.host import Host
from harness.scenario import Scenario

SAMPLE_S: Final = 0.5


def checkup(host: Host, scenario: Scenario | None) -> list[Check]:
    """Look at everything that may spoil measurements of the scenario, or of a small one; takes half a second.

    Each name is there exactly once, whatever the machine tells. Raises nothing.
    """
    demand = LoadDemand.of(scenario)
    cpu_before, throttled_before = CpuTime.read(host), throttled(host)
    host.pause(SAMPLE_S)
    return [
        cores(host, demand),
        governor(host),
        turbo(host),
        smt(host),
        virtualisation(host),
        steal(cpu_before, CpuTime.read(host), SAMPLE_S),
        quota(host),
        throttling(host, throttled_before, throttled(host), SAMPLE_S),
        load_average(host),
        memory(host),
        aslr(host),
        open_files(host, demand),
        ports(host, demand),
        time_wait(host),
        backlog(host, demand),
    ]
