"""The kernel's account of a process: its file ``/proc/PID/stat``, of which psutil leaves out the page faults."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
MAX_BYTES: Final = 1 << 16  # of a file of counters


@dataclass(frozen=True)
class Account:
    """The counters that the kernel hands on to the parent that waits for a process: its CPU time, in steps of a clock
    tick, and its page faults. Minor ones found their page in memory, major ones had to wait for storage."""

    cpu_s: float = 0.0
    minor_faults: int = 0
    major_faults: int = 0

    def __add__(self, other: Self) -> Self:
        """Return both together."""
        return type(self)(
            self.cpu_s + other.cpu_s, self.minor_faults + other.minor_faults, self.major_faults + other.major_faults
        )

    def __sub__(self, other: Self) -> Self:
        """Return this one without the other."""
        return type(self)(
            self.cpu_s - other.cpu_s, self.minor_faults - other.minor_faults, self.major_faults - other.major_faults
        )


NOTHING: Final = Account()


class Stat(NamedTuple):
    """The counters of a process since its birth, and the core on which it ran last.

    Those that begin with ``reaped`` are of its children that ended and were waited for, and of their own such children.
    A process that ``has_ended`` was not waited for yet. Arguments are never read: they may be secret.
    """

    name: str
    parent_pid: int
    born_ticks: int
    core: int
    user_ticks: int
    system_ticks: int
    minor_faults: int = 0
    major_faults: int = 0
    reaped_ticks: int = 0
    reaped_minor_faults: int = 0
    reaped_major_faults: int = 0
    has_ended: bool = False

    @property
    def cpu_ticks(self) -> int:
        """The CPU time: user and system time."""
        return self.user_ticks + self.system_ticks

    @property
    def reaped(self) -> Account:
        """The account of the children that ended and were waited for."""
        return Account(self.reaped_ticks * TICK_S, self.reaped_minor_faults, self.reaped_major_faults)


def parse_stat(data: bytes) -> Stat:
    """Parse a stat file (proc_pid_stat(5)). The name in it may have spaces and brackets."""
    head, _, tail = data.rpartition(b")")
    fields = tail.split()
    return Stat(
        name=head.partition(b"(")[2].decode(errors="replace"),
        parent_pid=int(fields[1]),
        born_ticks=int(fields[19]),
        core=int(fields[36]),
        user_ticks=int(fields[11]),
        system_ticks=int(fields[12]),
        minor_faults=int(fields[7]),
        major_faults=int(fields[9]),
        reaped_ticks=int(fields[13]) + int(fields[14]),
        reaped_minor_faults=int(fields[8]),
        reaped_major_faults=int(fields[10]),
        has_ended=fields[0] == b"Z",
    )


def read_stat(pid: int) -> Stat | None:
    """Return the stat of a process; None when it is gone."""
    try:
        return parse_stat(read_counters(f"/proc/{pid}/stat"))
    except OSError:
        return None


def read_stats() -> dict[int, Stat]:
    """Return the stat of all processes that can be seen, by pid."""
    return dict(_iter_stats())


def read_counters(path: str) -> bytes:
    """Return what a small file of the kernel has. There are hundreds to read at a time, so they are read the quickest
    way. Raises OSError."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, MAX_BYTES)
    finally:
        os.close(file)


def _iter_stats() -> Iterator[tuple[int, Stat]]:
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError):  # it may have ended
                yield int(name), parse_stat(read_counters(f"/proc/{name}/stat"))
