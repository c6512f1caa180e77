"""Which cores the generator's processes run on, and which are left to the server."""

import re
from typing import Final

from pydantic import BaseModel, ConfigDict

from harness.machine.cores import UsableCores
from harness.units.ranges import Count, PositiveCount

_CPUS: Final = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?", re.ASCII)


class Placement(BaseModel):
    """How many processes generate the load, and the cores of generator and server, both empty when they share all."""

    model_config = ConfigDict(frozen=True)

    processes: PositiveCount = 1
    generator: tuple[Count, ...] = ()
    server: tuple[Count, ...] = ()


def usable_cpus() -> list[int]:
    """The cores that this process, and so all that it starts, may run on."""
    return list(UsableCores.here().cpus)


def apart(cores: UsableCores, processes: int, workers: int) -> Placement:
    """Cores of their own for the generator's processes and the rest for the server, if that leaves it one a worker.

    With fewer cores than that the two have to share: a server squeezed onto too few would be what is measured. So they
    do under a CPU quota below the number of cores, however many these are: it is spent by both from one account, and
    who is pinned can't evade the neighbours whom there are quotas for.
    """
    cpus = cores.cpus
    if cores.is_limited or len(cpus) < processes + workers:
        return Placement(processes=processes)
    return Placement(processes=processes, generator=cpus[-processes:], server=cpus[:-processes])


def most_processes(cores: UsableCores) -> int:
    """What ``auto`` means: every core but the one that is left to the server."""
    return max(1, cores.count - 1)


def parse_cpus(text: str) -> tuple[int, ...]:
    """The cores meant by ``2,3`` or ``0-3,6``, as taskset(1) has them.

    Raises ValueError, with what was expected, when the text is no such list or names a core that can't be used.
    """
    expected, usable = f"expected CPUs such as '2,3' or '0-3', got {text!r:.60}", usable_cpus()
    cpus: dict[int, None] = {}  # in the order given, each once
    for part in text.split(","):
        match = _CPUS.fullmatch(part.strip())
        if match is None:
            raise ValueError(expected)
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last:
            raise ValueError(expected)
        if first not in usable or last not in usable:
            raise ValueError(f"expected CPUs among {', '.join(map(str, usable))}, got {part.strip()}")
        cpus |= dict.fromkeys(range(first, last + 1))
    if missing := [cpu for cpu in cpus if cpu not in usable]:
        raise ValueError(f"expected CPUs among {', '.join(map(str, usable))}, got {', '.join(map(str, missing))}")
    return tuple(cpus)
