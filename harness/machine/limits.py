"""Limits on the CPU and the memory of a topology: a control group (cgroups(7)) of its own, in version 2 or 1."""

import contextlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from harness.errors import HarnessError
from harness.machine.cgroup import find_groups
from harness.machine.host import Host, parse_count, word_after
from harness.units import NS_PER_S, NS_PER_US

Controller = Literal["cpu", "memory"]
PERIOD_US: Final = 100_000  # in which the CPU time of a quota is counted, as systemd and container runtimes have it
ADVICE: Final = (
    "run the harness as root, or where its group may have groups of its own (systemd-run --user --scope -p"
    " Delegate=yes)"
)


class LimitError(HarnessError):
    """An error for limits that this machine does not grant. The message says why."""


@dataclass(frozen=True)
class Limits:
    """The limits of a topology: so many cores' worth of CPU time, and so much memory; None without a limit."""

    cpus: float | None = None
    memory_bytes: int | None = None

    @property
    def controllers(self) -> tuple[Controller, ...]:
        """The controllers that it takes."""
        asked: dict[Controller, object] = {"cpu": self.cpus, "memory": self.memory_bytes}
        return tuple(name for name, limit in asked.items() if limit is not None)


@dataclass(frozen=True)
class LimitCounters:
    """The counts of the kernel since the group was made: in how many of how many ``periods`` the CPU time was used
    up, for how long its processes then stood still, added up over cores, and how many it killed for their memory."""

    periods: int
    throttled_periods: int
    throttled_s: float
    oom_kills: int


@dataclass(frozen=True)
class LimitGroup:
    """A control group with limits: its folders, one in version 2, and one for each controller in version 1; and those
    of the groups ``outside`` in which this process is instead."""

    limits: Limits
    folders: tuple[Path, ...]
    outside: tuple[Path, ...]

    def read_counters(self) -> LimitCounters:
        """Return what the kernel has counted; zeros for what it does not count."""
        cpu, memory = (self._read(name) for name in ("cpu.stat", "memory.events"))
        memory = memory or self._read("memory.oom_control")
        throttled_us, throttled_ns = (parse_count(word_after(cpu, f"throttled_{name}")) for name in ("usec", "time"))
        stopped_ns = throttled_us * NS_PER_US if throttled_us is not None else throttled_ns or 0
        return LimitCounters(
            periods=parse_count(word_after(cpu, "nr_periods")) or 0,
            throttled_periods=parse_count(word_after(cpu, "nr_throttled")) or 0,
            throttled_s=stopped_ns / NS_PER_S,
            oom_kills=parse_count(word_after(memory, "oom_kill")) or 0,
        )

    def remove(self) -> None:
        """Remove the group, which no process is in any more. One that is still in use stays."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _read(self, name: str) -> str:
        for folder in self.folders:
            with contextlib.suppress(OSError):
                return (folder / name).read_text(encoding="ascii", errors="replace")
        return ""


def make_group(limits: Limits, host: Host) -> LimitGroup:
    """Make a control group with these limits. Raises LimitError where the machine does not grant that."""
    name, folders, outside = f"harness-{secrets.token_hex(4)}", list[Path](), list[Path]()
    try:
        for controllers in _share_hierarchies(host, limits.controllers):
            folders.append(_make_folder(host, controllers, name))
            outside.append(_find_groups(host, controllers[0])[0])
            for controller in controllers:
                _write_limit(folders[-1], controller, limits)
    except (OSError, LimitError) as error:
        LimitGroup(limits, tuple(folders), tuple(outside)).remove()
        why = str(error) if isinstance(error, LimitError) else f"{error.filename}: {error.strerror}"
        raise LimitError(f"this machine does not grant limits ({why}); {ADVICE}") from error
    return LimitGroup(limits, tuple(folders), tuple(outside))


@contextlib.contextmanager
def open_group(limits: Limits, host: Host) -> Iterator[LimitGroup | None]:
    """Make a group and remove it on leaving; None where nothing is limited. Raises LimitError."""
    if not limits.controllers:
        yield None
        return
    group = make_group(limits, host)
    try:
        yield group
    finally:
        group.remove()


def _share_hierarchies(host: Host, controllers: Sequence[Controller]) -> Iterator[Sequence[Controller]]:
    """Yield the controllers that have their limits in one group: all of version 2, since a process is in one group of
    it, and each one of version 1 by itself."""
    second = [each for each in controllers if any(map(_is_of_second_version, _find_groups(host, each)))]
    if second:
        yield second
    for controller in controllers:
        if controller not in second:
            yield [controller]


def _make_folder(host: Host, controllers: Sequence[Controller], name: str) -> Path:
    """Make a group below this process's own, or below the nearest above it that lets its children be limited by all of
    the controllers. Raises OSError and LimitError."""
    error: OSError | None = None
    for parent in _find_groups(host, controllers[0]):
        allowed = _read_words(parent / "cgroup.subtree_control")
        if _is_of_second_version(parent) and not set(controllers).issubset(allowed):
            continue
        try:
            (parent / name).mkdir()
        except OSError as refused:
            error = error or refused
            continue
        return parent / name
    if error is not None:
        raise error
    raise LimitError(f"there is no control group for {' and '.join(controllers)} below which to make another")


def _find_groups(host: Host, controller: Controller) -> Sequence[Path]:
    """Return this process's own group, and those above it, that have the controller."""
    return [host.root / group for group in find_groups(host, controller)]


def _is_of_second_version(group: Path) -> bool:
    return (group / "cgroup.controllers").exists()


def _write_limit(folder: Path, controller: Controller, limits: Limits) -> None:
    is_second_version = _is_of_second_version(folder)
    if controller == "cpu" and limits.cpus is not None:
        quota_us = round(limits.cpus * PERIOD_US)
        if is_second_version:
            _write(folder / "cpu.max", f"{quota_us} {PERIOD_US}")
        else:
            _write(folder / "cpu.cfs_period_us", str(PERIOD_US))
            _write(folder / "cpu.cfs_quota_us", str(quota_us))
    if controller == "memory" and limits.memory_bytes is not None:
        names = ("memory.max",) if is_second_version else ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
        for name in names:
            _write(folder / name, str(limits.memory_bytes))
        if is_second_version and (folder / "memory.swap.max").exists():
            _write(folder / "memory.swap.max", "0")


def _write(path: Path, text: str) -> None:
    if not path.exists():  # swap may not be counted
        return
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    except OSError as error:
        error.filename = str(path)  # which a refused write does not have
        raise


def _read_words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except OSError:
        return []
