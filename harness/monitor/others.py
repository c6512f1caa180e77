"""Who else used the cores in a window: the processes of this machine that are not the run's own, by two readings."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from harness.monitor.processes import TICK_S
from harness.record import OtherProcess

MOST_TOLD: Final = 5


@dataclass(frozen=True)
class Stat:
    """What a process used since it was born, and the core on which it ran last. Its arguments are never read: they may
    be secret."""

    name: str
    parent_pid: int
    born_ticks: int
    cpu_ticks: int
    core: int


def parse_stat(data: bytes) -> Stat:
    """Read a file of the form of proc_pid_stat(5), in which a name may have spaces and brackets."""
    head, _, tail = data.rpartition(b")")
    fields = tail.split()
    return Stat(
        name=head.partition(b"(")[2].decode(errors="replace"),
        parent_pid=int(fields[1]),
        born_ticks=int(fields[19]),
        cpu_ticks=int(fields[11]) + int(fields[12]),
        core=int(fields[36]),
    )


def read_all() -> dict[int, Stat]:
    """All processes that can be seen, by pid."""
    return dict(_stats())


def busiest_others(
    first: Mapping[int, Stat], last: Mapping[int, Stat], own_pid: int, least_s: float
) -> list[OtherProcess]:
    """Those that used most CPU between two readings, and so much at least, less a process and its descendants. Of who
    came since the first it is all that they used; those that have ended are not told of."""
    others = {pid: stat for pid, stat in last.items() if own_pid not in _line(pid, last)}
    used_s = {pid: TICK_S * _used_ticks(first.get(pid), stat) for pid, stat in others.items()}
    busiest = sorted(used_s, key=lambda pid: used_s[pid], reverse=True)[:MOST_TOLD]
    return [
        OtherProcess(pid=pid, name=others[pid].name, cpu_s=used_s[pid], cpu=others[pid].core)
        for pid in busiest
        if used_s[pid] >= least_s
    ]


def _stats() -> Iterator[tuple[int, Stat]]:
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # it may have ended
                yield int(name), parse_stat(file.read())


def _used_ticks(first: Stat | None, last: Stat) -> int:
    """All of it where the pid was another's before."""
    is_same = first is not None and first.born_ticks == last.born_ticks
    return last.cpu_ticks - first.cpu_ticks if first and is_same else last.cpu_ticks


def _line(pid: int, stats: Mapping[int, Stat]) -> Iterator[int]:
    """The process and its ancestors, each once: of processes that come and go meanwhile a circle may have been read."""
    told = set[int]()
    while pid in stats and pid not in told:
        told.add(pid)
        yield pid
        pid = stats[pid].parent_pid
