"""What limited a trial: generator, machine or server, or none of them."""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from harness.generator.placement import Placement
from harness.generator.result import LoadResult
from harness.record import CoreUsage, ProcessUsage, Usage

MOST_HOGGED: Final = 0.5  # of the generator's own cores
MOST_STOLEN: Final = 0.02  # of all cores
MOST_OTHERS: Final = 0.1  # of all cores
LEAST_IDLE: Final = 0.05  # of the server's cores
MOST_WAITING: Final = 0.1  # of the time in which the server ran or could have
LEAST_BUSY: Final = 0.85  # of what the workers can use, on average
LEAST_BUSY_ONE: Final = 0.9  # of what one of them can use
ONE_CORE: Final = 1.05  # a little more than one, for what is lost in reading the counters
LEAST_CONNECTIONS: Final = 2  # for each worker: with one there is never a request in line behind the one it serves
MOST_UNSERVED: Final = 0.05  # of the requests due
MOST_SHARED: Final = 0.5  # of the cores for workers, by more workers than these


class Limit(enum.Enum):
    """What would have to be more, or quicker, for the trial to have served more."""

    GENERATOR = "generator-bound"
    MACHINE = "machine-bound"
    SERVER = "server-bound"
    STARVED = "starved"
    NOTHING = "kept up"


@dataclass(frozen=True)
class Limiting:
    """The limit, and the figures that say so in one sentence."""

    limit: Limit
    why: str


def limit_of(load: LoadResult, usage: Usage) -> Limiting:
    """What limited a trial. Only a trial that is server-bound, or kept up with what was offered, tells of the server.

    The rules are gone through in order, and the first that holds has it. A worker that runs on one core at a time, as
    an event loop or the threads of one Python process do, has that core for its ceiling. Where the kernel does not
    account for interrupts to the process that runs (IRQ_TIME_ACCOUNTING), busy workers look a little less busy.
    """
    limit, why = next((limit, why) for limit, rule in RULES if (why := rule(load, usage)) is not None)
    overflows = usage.machine.listen_overflows
    if overflows:
        why = f"{why}; {overflows:,} attempts to connect found a listen queue full"
    return Limiting(limit, f"{why}.")


def free_cores(placement: Placement, usable_cores: int) -> int:
    """How many cores the generator leaves free."""
    return usable_cores - placement.processes


def is_oversubscribed(workers: int, busy_cores: float, cores: int) -> bool:
    """Whether more workers than there are ``cores`` for them compete for these. Workers that mostly wait for something
    else, and keep no more than half of the cores busy, do not: they scale as though each had one of its own."""
    return workers > cores and busy_cores > MOST_SHARED * cores


# The rules: each says why it holds, or None ----------------------------------------------------------------


def _doubted(load: LoadResult, usage: Usage) -> str | None:
    return load.doubts[0].what.removesuffix(".") if load.doubts else None


def _hogged(load: LoadResult, usage: Usage) -> str | None:
    """Others on cores that were to be the generator's own; when it has none, they show among all others."""
    own = [core for core in usage.machine.cores if core.cpu in load.cpus]
    others = _others(own, load.generator_cpu_s)
    return f"others used {others:.0%} of the generator's own {_cores(own)}" if others > MOST_HOGGED else None


def _stolen(load: LoadResult, usage: Usage) -> str | None:
    cores = usage.machine.cores
    stolen = _share(usage.machine.steal_s, _time_s(cores))
    return f"the hypervisor withheld {stolen:.0%} of the {_cores(cores)}" if stolen > MOST_STOLEN else None


def _disturbed(load: LoadResult, usage: Usage) -> str | None:
    cores = usage.machine.cores
    others = _others(cores, usage.cpu_s + load.generator_cpu_s)
    if others <= MOST_OTHERS:
        return None
    return f"others than the server and the generator used {others:.0%} of the {_cores(cores)}"


def _crowded(load: LoadResult, usage: Usage) -> str | None:
    """All cores are taken, and there is more to run. Where waiting is unknown, too many workers are a sign of it."""
    cores, workers = _server_cores(load, usage), len(_workers(usage))
    idle, waiting = _share(sum(core.idle_s for core in cores), _time_s(cores)), _waiting(usage)
    if idle >= LEAST_IDLE or (workers <= len(cores) if waiting is None else waiting <= MOST_WAITING):
        return None
    left = f"{idle:.0%} of the {_cores(cores)} for the server was idle"
    if waiting is None:
        return f"{left}, for {workers} workers"
    return f"{left}, and it waited for one {waiting:.0%} of the time it could have run"


def _without_queue(load: LoadResult, usage: Usage) -> str | None:
    """However busy the server is: it gets its next request only when the generator has taken the last response."""
    workers = len(_workers(usage))
    if load.loop == "open" or load.connections >= LEAST_CONNECTIONS * workers:
        return None
    offered = f"{_counted(load.connections, 'connection')} for {_counted(workers, 'worker')}"
    return f"{offered} can't keep a request in line at every worker"


def _busy(load: LoadResult, usage: Usage) -> str | None:
    busy = _busy_shares(load, usage)
    average = _average(busy)
    if average < LEAST_BUSY:
        return None
    whose, they = ("the worker", "it") if len(busy) == 1 else (f"the {len(busy)} workers", "they")
    return f"{whose} used {average:.0%} of the CPU that {they} can get"


def _one_busy(load: LoadResult, usage: Usage) -> str | None:
    busy = sorted(_busy_shares(load, usage))
    if not busy or busy[-1] < LEAST_BUSY_ONE:
        return None
    return f"one worker used {busy[-1]:.0%} of the CPU that it can get, the others {_average(busy[:-1]):.0%}"


def _kept_up(load: LoadResult, usage: Usage) -> str | None:
    if load.offered is None or _unserved(load) > MOST_UNSERVED:
        return None
    busiest = max(_busy_shares(load, usage), default=0.0)
    served = f"{load.offered.rate_per_s:,.0f} requests/s were offered and served"
    return f"{served}, and the busiest worker used {busiest:.0%} of the CPU that it can get"


def _starved(load: LoadResult, usage: Usage) -> str:
    busiest = max(_busy_shares(load, usage), default=0.0)
    unserved = f", yet {_unserved(load):.0%} of what was due was not served" if load.offered else ""
    return (
        f"the busiest worker used only {busiest:.0%} of the CPU that it can get{unserved}: too few connections"
        f" ({load.connections}), or the server waits for something else than the CPU"
    )


RULES: Final[Sequence[tuple[Limit, Callable[[LoadResult, Usage], str | None]]]] = (
    (Limit.GENERATOR, _doubted),
    (Limit.GENERATOR, _hogged),
    (Limit.MACHINE, _stolen),
    (Limit.MACHINE, _disturbed),
    (Limit.MACHINE, _crowded),
    (Limit.STARVED, _without_queue),
    (Limit.SERVER, _busy),
    (Limit.SERVER, _one_busy),
    (Limit.NOTHING, _kept_up),
    (Limit.STARVED, _starved),
)

# The figures -----------------------------------------------------------------------------------------------


def _workers(usage: Usage) -> list[ProcessUsage]:
    return [process for process in usage.processes if process.role == "worker"]


def _server_cores(load: LoadResult, usage: Usage) -> list[CoreUsage]:
    """All that are not the generator's own."""
    return [core for core in usage.machine.cores if core.cpu not in load.cpus] or usage.machine.cores


def _busy_shares(load: LoadResult, usage: Usage) -> list[float]:
    """Of each worker, the CPU that it used of what it can use."""
    cores = len(_server_cores(load, usage))
    return [_busy_share(worker, usage.window_s, cores) for worker in _workers(usage)]


def _busy_share(worker: ProcessUsage, window_s: float, cores: int) -> float:
    """A worker can get one core, or all where it was seen to run on several at once.

    A thread can't run on several, so a worker is as busy as its busiest thread, at least.
    """
    used = worker.cpu_s / window_s
    if used <= ONE_CORE:
        return min(1.0, used)
    return min(1.0, max(used / cores, (worker.busiest_thread_s or 0.0) / window_s))


def _waiting(usage: Usage) -> float | None:
    """The share of the time in which the server's threads ran or could have that they had no core.

    Where the kernel does not keep that, the share of the window in which any task of the machine waited for one (its
    pressure); None where that is unknown too.
    """
    delays_s = [process.run_delay_s for process in usage.processes if process.run_delay_s is not None]
    if delays_s:
        return _share(sum(delays_s), sum(delays_s) + usage.cpu_s)
    return None if usage.machine.pressure_s is None else _share(usage.machine.pressure_s, usage.window_s)


def _others(cores: Sequence[CoreUsage], known_s: float) -> float:
    """The share of the cores that was used by none of those of whom we know how much they used.

    Less the time for interrupts: some kernels count it as that of the process that was interrupted, some do not.
    """
    return _share(sum(core.busy_s - core.irq_s for core in cores) - known_s, _time_s(cores))


def _unserved(load: LoadResult) -> float:
    """The share of the requests due in an open loop that failed, or only made the line longer."""
    assert load.offered is not None
    already = load.started - load.offered.begun  # under way when the window opened
    more = max(0, load.unfinished - already)
    return _share(load.offered.dropped + load.errors.failed + load.errors.timeout + more, load.offered.due)


def _time_s(cores: Sequence[CoreUsage]) -> float:
    return sum(core.busy_s + core.idle_s + core.steal_s for core in cores)


def _share(part: float, whole: float) -> float:
    return max(0.0, part / whole) if whole else 0.0


def _average(shares: Sequence[float]) -> float:
    return sum(shares) / len(shares) if shares else 0.0


def _cores(cores: Sequence[CoreUsage]) -> str:
    return _counted(len(cores), "core")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
