"""Control groups: what the one of this process, and those above it, allow and withhold (cgroups(7))."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from harness.machine.host import Host, whole, word_after
from harness.units import NS_PER_S, NS_PER_US

_ROOT: Final = "sys/fs/cgroup"
_MARKS: Final = {"cpu": "cpu.cfs_quota_us", "memory": "memory.limit_in_bytes"}  # of version 1, in every group


@dataclass(frozen=True)
class Throttled:
    """How often a quota was used up since the groups were made: in so many ``periods`` their processes were stopped,
    for ``stopped_s`` of cores' time, None where that is not told."""

    periods: int
    stopped_s: float | None


def quota_cores(host: Host) -> float | None:
    """The tightest limit on CPU time, in cores' worth; infinite without one, None where that is not told.

    Enforced by stopping every process of the group until the period, of usually 100 ms, is over.
    """
    groups = _groups(host, "cpu")
    limits = [_cores(text) for group in groups if (text := _quota_text(host, group)) is not None]
    return _least(limits) if groups else None


def throttled(host: Host) -> Throttled | None:
    """Of all the groups together; None where they don't tell."""
    stats = [host.text(f"{group}/cpu.stat") for group in _groups(host, "cpu")]
    periods = [told for stat in stats if (told := whole(word_after(stat, "nr_throttled"))) is not None]
    stopped_s = [seconds for stat in stats if (seconds := _stopped_s(stat)) is not None]
    return Throttled(sum(periods), sum(stopped_s) if stopped_s else None) if periods else None


def memory_limit_bytes(host: Host) -> float | None:
    """The tightest limit on memory; infinite without one, None where that is not told."""
    groups = _groups(host, "memory")
    texts = [host.text(f"{group}/{name}") for group in groups for name in ("memory.max", _MARKS["memory"])]
    return _least([_bytes(text) for text in texts if text is not None]) if groups else None


def _least(limits: Sequence[float | None]) -> float | None:
    """None where one of them is not told."""
    known = [limit for limit in limits if limit is not None]
    return min(known, default=math.inf) if len(known) == len(limits) else None


def _groups(host: Host, controller: str) -> list[str]:
    """The folders of the group by which the controller treats this process, and of those above it.

    Version 1 has a hierarchy for each controller, or a few; version 2 has one for all, beside those of version 1 or
    alone.
    """
    lines = [line.split(":", 2) for line in (host.text("proc/self/cgroup") or "").splitlines()]
    paths = {line[1]: line[2] for line in lines if len(line) == 3}  # by controllers; version 2 names none
    controllers = next((names for names in paths if controller in names.split(",")), "")
    if controllers:
        mounts, mark = (f"{_ROOT}/{controllers}", f"{_ROOT}/{controller}"), _MARKS[controller]
    else:
        mounts, mark = (_ROOT, f"{_ROOT}/unified"), "cgroup.controllers"
    mount = next((mount for mount in mounts if host.has(f"{mount}/{mark}")), None)
    if mount is None or controllers not in paths:
        return []
    return _upwards(mount, paths[controllers], host.has)


def _upwards(mount: str, path: str, is_there: Callable[[str], bool]) -> list[str]:
    """The group's own folder first, the mount last.

    What is mounted in a container is often its own group, or one above it, so that only the end of the path is seen.
    """
    parts = [part for part in PurePosixPath(path.strip("/")).parts if part != ".."]
    ends = (parts[start:] for start in range(len(parts) + 1))
    seen = next((end for end in ends if is_there("/".join([mount, *end]))), [])
    return ["/".join([mount, *seen[:depth]]) for depth in range(len(seen), -1, -1)]


def _quota_text(host: Host, group: str) -> str | None:
    """Quota and period (µs) as version 2 has them, or made the same from version 1's two files; None without."""
    if host.has(f"{group}/cpu.max"):
        return host.text(f"{group}/cpu.max") or ""
    if host.has(f"{group}/{_MARKS['cpu']}"):
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


def _bytes(text: str) -> float | None:
    """A number, or ``max``; version 1 writes a number that no machine has."""
    return math.inf if text == "max" else whole(text)


def _stopped_s(stat: str | None) -> float | None:
    """Microseconds in version 2, nanoseconds in version 1; every core counts for itself in both."""
    time_us, time_ns = (whole(word_after(stat, f"throttled_{name}")) for name in ("usec", "time"))
    if time_us is not None:
        time_ns = time_us * NS_PER_US
    return None if time_ns is None else time_ns / NS_PER_S
