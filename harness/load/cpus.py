"""The choice of cores for the generator's processes, and of those left to the server."""

import re
from typing import Final

from pydantic import BaseModel, ConfigDict

from harness.machine.cores import UsableCores
from harness.units.ranges import Count, PositiveCount

MAX_CPUS: Final = 8192  # of one machine, as Linux can be built at the most
_CPUS: Final = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?", re.ASCII)


class Placement(BaseModel):
    """The number of processes that generate the load, and the cores of generator and server.

    Both lists of cores are empty if generator and server share all cores.
    """

    model_config = ConfigDict(frozen=True)

    processes: PositiveCount = 1
    generator: tuple[Count, ...] = ()
    server: tuple[Count, ...] = ()


def list_usable_cpus() -> list[int]:
    """Return the cores on which this process may run, and so every process that it starts."""
    return list(UsableCores.here().cpus)


def separate_cores(cores: UsableCores, processes: int, workers: int) -> Placement:
    """Give each process of the generator a core of its own, and the server the rest, if that is one core per worker.

    With fewer cores the two have to share all: a server squeezed onto too few cores would be what is measured.
    They also share under a CPU quota below the number of cores: both use the same quota, and pinned processes could not
    move away from the neighbours because of whom there is a quota.
    """
    cpus = cores.cpus
    if cores.is_limited or len(cpus) < processes + workers:
        return Placement(processes=processes)
    return Placement(processes=processes, generator=cpus[-processes:], server=cpus[:-processes])


def max_processes(cores: UsableCores) -> int:
    """Return the number of processes that ``auto`` means: one per core, but for the one that is left to the server."""
    return max(1, cores.count - 1)


def parse_cpus(text: str) -> tuple[int, ...]:
    """Return the cores in a list such as ``2,3`` or ``0-3,6``, in the format of taskset(1).

    Raises ValueError, with what was expected, if the text is no such list or names a core that can't be used.
    """
    usable = list_usable_cpus()
    for part, first, last in _split_ranges(text):
        if first not in usable or last not in usable:
            raise ValueError(f"expected CPUs among {', '.join(map(str, usable))}, got {part}")
    cpus = parse_cpu_list(text)
    if missing := [cpu for cpu in cpus if cpu not in usable]:
        raise ValueError(f"expected CPUs among {', '.join(map(str, usable))}, got {', '.join(map(str, missing))}")
    return cpus


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """Return the cores in such a list, of whichever machine, each once. Raises ValueError if the text is no such
    list."""
    ranges = _split_ranges(text)
    if any(last >= MAX_CPUS for _, _, last in ranges):
        raise ValueError(f"expected CPUs below {MAX_CPUS}, got {text!r:.60}")
    return tuple(dict.fromkeys(cpu for _, first, last in ranges for cpu in range(first, last + 1)))


def _split_ranges(text: str) -> list[tuple[str, int, int]]:
    """Return each part of a list of cores with its first and its last. Raises ValueError if the text is no such
    list."""
    ranges = []
    for part in map(str.strip, text.split(",")):
        match = _CPUS.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last:
            raise ValueError(f"expected CPUs such as '2,3' or '0-3', got {text!r:.60}")
        ranges.append((part, first, last))
    return ranges
