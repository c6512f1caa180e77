"""The processes of this machine that are not the run's own, and what they used of the cores between two readings."""

from collections.abc import Iterator, Mapping
from typing import Final

from harness.monitor.stat_file import TICK_S, Stat
from harness.record import OtherProcess

MAX_REPORTED: Final = 5


def find_busiest_others(
    first: Mapping[int, Stat], last: Mapping[int, Stat], own_pid: int, min_s: float
) -> list[OtherProcess]:
    """Return the processes that used the most CPU between two readings, and at least ``min_s``.

    The process ``own_pid`` and its descendants are left out, as are processes that have ended. A process that started
    after the first reading counts with all that it used.
    """
    others = {pid: stat for pid, stat in last.items() if own_pid not in _iter_ancestry(pid, last)}
    used_s = {pid: TICK_S * _used_ticks(first.get(pid), stat) for pid, stat in others.items()}
    busiest = sorted(used_s, key=lambda pid: used_s[pid], reverse=True)[:MAX_REPORTED]
    return [
        OtherProcess(pid=pid, name=others[pid].name, cpu_s=used_s[pid], cpu=others[pid].core)
        for pid in busiest
        if used_s[pid] >= min_s
    ]


def _used_ticks(first: Stat | None, last: Stat) -> int:
    """Return the ticks used between the readings; all of the last one if the pid was another process's before."""
    is_same = first is not None and first.born_ticks == last.born_ticks
    return last.cpu_ticks - first.cpu_ticks if first and is_same else last.cpu_ticks


def _iter_ancestry(pid: int, stats: Mapping[int, Stat]) -> Iterator[int]:
    """Yield the process and its ancestors, each once: if pids were reused meanwhile, the readings may form a circle."""
    seen = set[int]()
    while pid in stats and pid not in seen:
        seen.add(pid)
        yield pid
        pid = stats[pid].parent_pid
