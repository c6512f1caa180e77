"""The control group that this process is in: how much CPU time it allows, and whether it ran out."""

import math
from pathlib import PurePosixPath
from typing import Final

from harness.doctor.check import Check, ok, unknown, warn
from harness.doctor.host import Host, whole, word_after

_ROOT: Final = "sys/fs/cgroup"


def quota(host: Host) -> Check:
    """The tightest limit of the group and those above it, in cores' worth of time.

    Enforced by stopping every process of the group until the period, of usually 100 ms, is over (cgroups(7)).
    """
    groups = _cpu_groups(host)
    limits = [_cores(text) for group in groups if (text := _quota_text(host, group)) is not None]
    if not groups or None in limits:
        return unknown("CPU quota", "not told whether the CPU time is limited")
    least, usable = min((limit for limit in limits if limit is not None), default=math.inf), len(host.cpus)
    if least >= usable:
        return ok("CPU quota", "none" if least == math.inf else f"{least:.3g} cores' worth, with {usable} usable")
    return warn(
        "CPU quota",
        f"{least:.2g} cores' worth of {usable}; once used up, everything stands still",
        "Limit to whole cores instead: docker --cpuset-cpus, systemd AllowedCPUs=.",
    )


def throttling(host: Host, before: int | None, now: int | None, sample_s: float) -> Check:
    """How often the quota was used up: readings of :func:`times_throttled` at both ends of the sample."""
    if before is None or now is None:
        if quota(host).status == "ok":
            return ok("throttling", "no quota to be used up")
        return unknown("throttling", "not told whether the CPU quota was used up")
    if now == 0:
        return ok("throttling", "never")
    return warn(
        "throttling",
        f"CPU quota used up {now:,} times, {max(0, now - before):,} in the last {sample_s:g} s",
        "Lift the CPU quota: a throttled server does not answer, which looks like latency.",
    )


def times_throttled(host: Host) -> int | None:
    """Periods in which the group, or one above it, was stopped, as long as they have existed."""
    told = [whole(word_after(host.text(f"{group}/cpu.stat"), "nr_throttled")) for group in _cpu_groups(host)]
    return sum(times for times in told if times is not None) if any(times is not None for times in told) else None


def _cpu_groups(host: Host) -> list[str]:
    """The folders of the group that is given this process's CPU time, and of those above it as far as they are seen.

    Version 1 has a hierarchy for the CPU controller; version 2 has one for all, beside those of version 1 or alone.
    """
    lines = [line.split(":", 2) for line in (host.text("proc/self/cgroup") or "").splitlines()]
    paths = {line[1]: line[2] for line in lines if len(line) == 3}  # by controllers; version 2 names none
    controllers = next((names for names in paths if "cpu" in names.split(",")), "")
    if controllers:
        mounts, mark = (f"{_ROOT}/{controllers}", f"{_ROOT}/cpu"), "cpu.cfs_quota_us"
    else:
        mounts, mark = (_ROOT, f"{_ROOT}/unified"), "cgroup.controllers"
    mount = next((mount for mount in mounts if host.has(f"{mount}/{mark}")), None)
    if mount is None or controllers not in paths:
        return []
    return _upwards(mount, paths[controllers])


def _upwards(mount: str, path: str) -> list[str]:
    """The group's own folder first, the mount last. Seen from a container, all but the mount may not be there."""
    parts = PurePosixPath(path.strip("/")).parts
    return ["/".join([mount, *parts[:depth]]) for depth in range(len(parts), -1, -1)]


def _quota_text(host: Host, group: str) -> str | None:
    """Quota and period (µs) as version 2 has them, or made the same from version 1's two files; None without."""
    if host.has(f"{group}/cpu.max"):
        return host.text(f"{group}/cpu.max") or ""
    if host.has(f"{group}/cpu.cfs_quota_us"):
        return " ".join(host.text(f"{group}/cpu.cfs_{name}_us") or "" for name in ("quota", "period"))
    return None


def _cores(text: str) -> float | None:
    """``50000 100000`` as 0.5, ``max 100000`` or ``-1 100000`` as infinite."""
    match text.split():
        case ["max" | "-1", _]:
            return math.inf
        case [quota, period] if (time_us := whole(quota)) and (period_us := whole(period)):
            return time_us / period_us
    return None
