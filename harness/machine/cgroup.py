"""Control groups (cgroups(7)): the limits of the one that this process is in and of those above it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from harness.machine.host import Host, parse_count, word_after
from harness.units import NS_PER_S, NS_PER_US

_ROOT: Final = "sys/fs/cgroup"
_MARKS: Final = {
    "cpu": "cpu.cfs_quota_us",
    "memory": "memory.limit_in_bytes",
}  # in every group of version 1


@dataclass(frozen=True)
class Throttling:
    """The throttling of the groups since they were created: how often a quota was used up.

    In so many ``periods`` their processes were stopped, for ``stopped_s`` of cores' time, None if that is unknown.
    """

    periods: int
    stopped_s: float | None


def read_quota_cores(host: Host) -> float | None:
    """Return the tightest limit on CPU time, in cores' worth; infinite without a limit, None if it is unknown.

    The kernel enforces it: it stops every process of the group until the period, usually of 100 ms, is over.
    """
    groups = find_groups(host, "cpu")
    limits = [_parse_cores(text) for group in groups if (text := _read_quota_text(host, group)) is not None]
    return _tightest(limits) if groups else None


def read_throttling(host: Host) -> Throttling | None:
    """Return the throttling of all groups together; None if it is unknown."""
    stats = [host.text(f"{group}/cpu.stat") for group in find_groups(host, "cpu")]
    periods = [count for stat in stats if (count := parse_count(word_after(stat, "nr_throttled"))) is not None]
    stopped_s = [seconds for stat in stats if (seconds := _parse_stopped_s(stat)) is not None]
    return Throttling(sum(periods), sum(stopped_s) if stopped_s else None) if periods else None


def read_memory_limit_bytes(host: Host) -> float | None:
    """Return the tightest limit on memory; infinite without a limit, None if it is unknown."""
    groups = find_groups(host, "memory")
    texts = [host.text(f"{group}/{name}") for group in groups for name in ("memory.max", _MARKS["memory"])]
    return _tightest([_parse_bytes(text) for text in texts if text is not None]) if groups else None


def _tightest(limits: Sequence[float | None]) -> float | None:
    """Return the smallest of the limits, infinite without any; None if one of them is unknown."""
    known = [limit for limit in limits if limit is not None]
    return min(known, default=math.inf) if len(known) == len(limits) else None


def find_groups(host: Host, controller: str) -> list[str]:
    """Return the folders of this process's group, for the controller, and of the groups above it.

    Version 1 has a hierarchy for each controller, or for a few. Version 2 has one for all, alone or beside those of
    version 1.
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
    return _list_upwards(mount, paths[controllers], host.has)


def _list_upwards(mount: str, path: str, is_there: Callable[[str], bool]) -> list[str]:
    """Return the folders from the group's own up to the mount.

    In a container, its own group or one above it is often mounted. Then only the end of the path is visible.
    """
    parts = [part for part in PurePosixPath(path.strip("/")).parts if part != ".."]
    ends = (parts[start:] for start in range(len(parts) + 1))
    seen = next((end for end in ends if is_there("/".join([mount, *end]))), [])
    return ["/".join([mount, *seen[:depth]]) for depth in range(len(seen), -1, -1)]


def _read_quota_text(host: Host, group: str) -> str | None:
    """Return quota and period (µs) as version 2 writes them, also from version 1's two files; None without files."""
    if host.has(f"{group}/cpu.max"):
        return host.text(f"{group}/cpu.max") or ""
    if host.has(f"{group}/{_MARKS['cpu']}"):
        return " ".join(host.text(f"{group}/cpu.cfs_{name}_us") or "" for name in ("quota", "period"))
    return None


def _parse_cores(text: str) -> float | None:
    """Return ``50000 100000`` as 0.5, ``max 100000`` or ``-1 100000`` as infinite."""
    match text.split():
        case ["max" | "-1", _]:
            return math.inf
        case [quota, period] if (time_us := parse_count(quota)) and (period_us := parse_count(period)):
            return time_us / period_us
    return None


def _parse_bytes(text: str) -> float | None:
    """Return a number of bytes, infinite for ``max``. Version 1 writes a number beyond any machine's memory."""
    return math.inf if text == "max" else parse_count(text)


def _parse_stopped_s(stat: str | None) -> float | None:
    """Return the throttled time, summed over cores; the files have µs in version 2 and ns in version 1."""
    time_us, time_ns = (parse_count(word_after(stat, f"throttled_{name}")) for name in ("usec", "time"))
    if time_us is not None:
        time_ns = time_us * NS_PER_US
    return None if time_ns is None else time_ns / NS_PER_S
