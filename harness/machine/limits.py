"""Limits on the CPU and the memory of a topology: a control group (cgroups(7)) of its own, in version 2 or 1."""

import contextlib
import os
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
    """A control group with limits: its folders, one in version 2, and one for each controller in version 1."""

    limits: Limits
    folders: tuple[Path, ...]

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
    name, folders = f"harness-{secrets.token_hex(4)}", list[Path]()
    try:
        for controller in limits.controllers:
            made = _make_folder(host, controller, name, folders)
            _write_limit(made, controller, limits)
    except (OSError, LimitError) as error:
        LimitGroup(limits, tuple(folders)).remove()
        why = str(error) if isinstance(error, LimitError) else f"{error.filename}: {error.strerror}"
        raise LimitError(f"this machine does not grant limits ({why}); {ADVICE}") from error
    return LimitGroup(limits, tuple(folders))


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


def _make_folder(host: Host, controller: Controller, name: str, made: list[Path]) -> Path:
    """Make a group below this process's own, or below the nearest above it that lets its children be limited; in
    version 2 it is the same for all controllers."""
    error: OSError | None = None
    for parent in _find_parents(host, controller):
        folder = parent / name
        if folder in made:
            return folder
        try:
            folder.mkdir()
        except OSError as refused:
            error = error or refused
            continue
        made.append(folder)
        return folder
    if error is not None:
        raise error
    raise LimitError(f"there is no control group for {controller} below which to make another")


def _find_parents(host: Host, controller: Controller) -> Sequence[Path]:
    groups = [host.root / group for group in find_groups(host, controller)]
    if groups and (groups[-1] / "cgroup.controllers").exists():
        return [group for group in groups if controller in _read_words(group / "cgroup.subtree_control")]
    return groups


def _write_limit(folder: Path, controller: Controller, limits: Limits) -> None:
    is_second_version = (folder / "cgroup.controllers").exists()
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
    if path.exists():  # swap may not be counted
        with open(path, "w", encoding="ascii") as file:
            file.write(text)


def _read_words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except OSError:
        return []


def join_group(folders: Sequence[str]) -> None:
    """Put this process, and so all that it will start, into the group. Raises OSError."""
    for folder in folders:
        _write(Path(folder) / "cgroup.procs", str(os.getpid()))


def leave_group(folders: Sequence[str]) -> None:
    """Put this process into the groups above, and remove the group if nobody else is in it."""
    for folder in map(Path, folders):
        with contextlib.suppress(OSError):
            _write(folder.parent / "cgroup.procs", str(os.getpid()))
            folder.rmdir()
