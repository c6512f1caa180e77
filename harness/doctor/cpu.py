"""Checks of the cores: how many there are, and whether they always run at the same speed."""

from collections import Counter
from typing import Final

from harness.doctor.check import Check, ok, unknown, warn
from harness.doctor.demand import LoadDemand
from harness.doctor.system import is_virtual
from harness.machine.cores import UsableCores
from harness.machine.host import Host

_CPU: Final = "sys/devices/system/cpu"
_STEADY: Final = "performance"
_GOVERNORS: Final = (_STEADY, "powersave", "userspace", "ondemand", "conservative", "schedutil")  # those of Linux
_TURBO: Final = {f"{_CPU}/intel_pstate/no_turbo": 0, f"{_CPU}/cpufreq/boost": 1}  # file, and its value when turbo is on


def check_cores(host: Host, demand: LoadDemand) -> Check:
    """Check whether every worker and every generator process can have a core of its own, or the time of one."""
    usable, needed = UsableCores.of(host).count, demand.workers + demand.processes
    what = f"{usable} usable, {needed} needed: workers {demand.workers}, generator {demand.processes}"
    if usable >= needed:
        return ok("cores", what)
    if usable >= demand.workers:
        return warn("cores", what, f"Use {needed} cores: what the generator takes of a worker's, the worker lacks.")
    return warn("cores", what, f"Use {needed} cores, or fewer workers: sharing measures contention, not scaling.")


def check_governor(host: Host) -> Check:
    """Check whether the clock frequency follows the load."""
    found = Counter(host.text(f"{_CPU}/cpu{cpu}/cpufreq/scaling_governor") for cpu in host.cpus)
    if not all(name in _GOVERNORS for name in found):
        return unknown("governor", _unknown_reason(host))
    what = ", ".join(f"{name} on {count} of {len(host.cpus)} cores" for name, count in found.items())
    if set(found) == {_STEADY}:
        return ok("governor", what)
    return warn("governor", what, f"sudo cpupower frequency-set -g {_STEADY}: the clock should not follow the load.")


def check_turbo(host: Host) -> Check:
    """Check whether the frequency depends on how many cores are busy, which favours one process over a cluster."""
    for path, on in _TURBO.items():
        value = host.number(path)
        if value in (0, 1):
            if value != on:
                return ok("turbo", "off")
            return warn(
                "turbo",
                "on: the fewer cores are busy, the faster they run",
                f"echo {1 - on} | sudo tee /{path}: it flatters one process.",
            )
    return unknown("turbo", _unknown_reason(host))


def check_smt(host: Host) -> Check:
    """Check whether two of the usable CPUs share a core; in a guest, that may be hidden."""
    active = host.number(f"{_CPU}/smt/active")
    if active == 0 and is_virtual(host) is False:
        return ok("SMT", "off")
    # The list of siblings is the same text for each of them.
    siblings = [host.text(f"{_CPU}/cpu{cpu}/topology/thread_siblings_list") for cpu in host.cpus]
    if active != 1 or None in siblings:
        return unknown("SMT", _unknown_reason(host))
    if len(set(siblings)) == len(siblings):
        return ok("SMT", "on, but no two of the usable CPUs share a core")
    return warn(
        "SMT",
        f"on: the {len(siblings)} usable CPUs are {len(set(siblings))} cores",
        f"echo off | sudo tee /{_CPU}/smt/control: two on one core slow each other.",
    )


def _unknown_reason(host: Host) -> str:
    """Return why something is unknown, in words."""
    return "not told: the hypervisor decides" if is_virtual(host) else "not told by this kernel"
