"""Checks of this process's control group: how much CPU time it allows, and whether that ran out."""

import math

from harness.doctor.check import Check, ok, unknown, warn
from harness.machine.cgroup import Throttling, read_quota_cores
from harness.machine.host import Host


def check_quota(host: Host) -> Check:
    """Check whether less CPU time is allowed than there are cores to run on."""
    least, usable = read_quota_cores(host), len(host.cpus)
    if least is None:
        return unknown("CPU quota", "not told whether the CPU time is limited")
    if least >= usable:
        return ok("CPU quota", "none" if least == math.inf else f"{least:.3g} cores' worth, with {usable} usable")
    return warn(
        "CPU quota",
        f"{least:.2g} cores' worth of {usable}; once used up, everything stands still",
        "Limit to whole cores instead: docker --cpuset-cpus, systemd AllowedCPUs=.",
    )


def check_throttling(host: Host, before: Throttling | None, now: Throttling | None, sample_s: float) -> Check:
    """Check how often the quota was used up, by readings of :func:`read_throttling` at both ends of the sample."""
    if before is None or now is None:
        if check_quota(host).status == "ok":
            return ok("throttling", "no quota to be used up")
        return unknown("throttling", "not told whether the CPU quota was used up")
    if now.periods == 0:
        return ok("throttling", "never")
    return warn(
        "throttling",
        f"CPU quota used up {now.periods:,} times, {max(0, now.periods - before.periods):,} in the last {sample_s:g} s",
        "Lift the CPU quota: a throttled server does not answer, which looks like latency.",
    )
