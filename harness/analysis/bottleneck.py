"""What limited a trial: generator, machine or server, or none of them."""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Final

from harness.analysis import waiting
from harness.analysis.global_lock import has_global_lock
from harness.load.result import LoadResult
from harness.record import CoreUsage, ProcessUsage, Usage

MOST_HOGGED: Final = 0.5  # of the generator's own cores
MOST_STOLEN: Final = 0.02  # of all cores
MOST_THROTTLED: Final = 0.02  # of the CPU time that the quota allows
MOST_OTHERS: Final = 0.1  # of all cores
LEAST_IDLE: Final = 0.05  # of the server's cores
MOST_WAITING: Final = 0.1  # of the time in which the server ran or could have
LEAST_BUSY: Final = 0.85  # of what the workers can use, on average
LEAST_BUSY_ONE: Final = 0.9  # of what one of them can use
ONE_CORE: Final = 1.05  # a little more than one, for what is lost in reading the counters
LEAST_CONNECTIONS: Final = 2  # for each worker: with one there is never a request in line behind the one it serves
MOST_UNSERVED: Final = 0.05  # of the requests due
MOST_DEMANDED: Final = 1.05  # of the cores: what the workers lose to each other, or the generator, is then about 5 %


class Bottleneck(enum.Enum):
    """What would have to be more, or quicker, for the trial to have served more."""

    GENERATOR = "generator-bound"
    MACHINE = "machine-bound"
    SERVER = "server-bound"
    CONNECTIONS = "connection-bound"
    PROCESS = "process-bound"
    ACKS = "ACK-bound"
    DISK = "disk-bound"
    LOCKS = "lock-bound"
    CONCURRENCY = "concurrency-bound"
    STARVED = "starved"
    NOTHING = "kept up"


@dataclass(frozen=True)
class Diagnosis:
    """The limit, and the figures that say so in one sentence."""

    limit: Bottleneck
    why: str


@dataclass(frozen=True)
class Disturbance:
    """What the machine did, and what to do about it."""

    what: str
    advice: str


Rule = Callable[[LoadResult, Usage], str | None]
"""Says why it holds, or None."""


def limit_of(load: LoadResult, usage: Usage) -> Diagnosis:
    """What limited a trial. Only a trial that is server-bound, or kept up with what was offered, tells of the server.

    The rules are gone through in order, and the first that holds has it. A worker that runs on one core at a time, as
    an event loop or the threads of one Python process do, has that core for its ceiling. Where the kernel does not
    account for interrupts to the process that runs (IRQ_TIME_ACCOUNTING), busy workers look a little less busy.
    Whatever else was the limit, it is mentioned when a CPU quota was used up or a listen queue full.
    """
    limit, why = next((limit, why) for limit, rule in RULES if (why := rule(load, usage)) is not None)
    if usage.machine.throttled_periods and (stopped := _stopped(usage)) != why:
        why = f"{why}; {stopped}"
    overflows = usage.machine.listen_overflows
    if overflows:
        why = f"{why}; {overflows:,} attempts to connect found a listen queue full"
    return Diagnosis(limit, f"{why}.")


def disturbance(load: LoadResult, usage: Usage) -> Disturbance | None:
    """What others did to a trial, whatever else was said of it; None when that was little."""
    found = ((rule(load, usage), advice) for rule, advice in DISTURBANCES)
    return next((Disturbance(what, advice) for what, advice in found if what is not None), None)


def free_cores(load: LoadResult, usage: Usage) -> float:
    """The cores that the server can use, with the generator where that has none of its own; a CPU quota's worth."""
    cores, quota = len(_server_cores(load, usage)), usage.machine.quota_cores
    return float(cores) if quota is None else min(cores, quota)


def server_demand(load: LoadResult, usage: Usage) -> float:
    """How many cores the server's processes would have kept busy: their CPU, and what they could have run and had to
    wait. The threads of one process want no more than there are, but for the one core that each process can always use:
    what they lose to each other beyond that, they lose anywhere.

    Where the kernel does not tell of waiting and no core was idle, every worker is taken to have wanted one.
    """
    if any(process.run_delay_s is None for process in usage.processes) and _idle(load, usage) < LEAST_IDLE:
        return max(float(_workers_at_a_time(usage)), usage.cpu_s / usage.window_s)
    most_s = max(1.0, free_cores(load, usage)) * usage.window_s
    wanted_s = [process.cpu_s + (process.run_delay_s or 0.0) for process in usage.processes]
    return (sum(min(most_s, each_s) for each_s in wanted_s) + usage.reaped_cpu_s) / usage.window_s


def contention(load: LoadResult, usage: Usage) -> float:
    """What was demanded of the server's cores, as a multiple of these; by the generator too where it shares them."""
    generator = 0.0 if load.cpus else load.generator_cpu_s / usage.window_s
    return _share(server_demand(load, usage) + generator, free_cores(load, usage))


# The rules -------------------------------------------------------------------------------------------------


def _doubted(load: LoadResult, usage: Usage) -> str | None:
    """A miscounted one is doubtful, but limited by nothing."""
    told = [doubt.what for doubt in load.doubts if doubt.is_of_generator]
    return told[0].removesuffix(".") if told else None


def _hogged(load: LoadResult, usage: Usage) -> str | None:
    """Others on cores that were to be the generator's own; when it has none, they show among all others."""
    own = [core for core in usage.machine.cores if core.cpu in load.cpus]
    others = _others(own, load.generator_cpu_s)
    if others <= MOST_HOGGED:
        return None
    return f"others used {others:.0%} of the generator's own {_cores(own)}{_named_others(usage, load.cpus)}"


def _stolen(load: LoadResult, usage: Usage) -> str | None:
    cores = usage.machine.cores
    stolen = _share(usage.machine.steal_s, _time_s(cores))
    return f"the hypervisor withheld {stolen:.0%} of the {_cores(cores)}" if stolen > MOST_STOLEN else None


def _throttled(load: LoadResult, usage: Usage) -> str | None:
    allowed_s = free_cores(load, usage) * usage.window_s
    periods, stopped_s = usage.machine.throttled_periods, usage.machine.throttled_s
    is_much = stopped_s is None or _share(stopped_s, allowed_s) > MOST_THROTTLED
    return _stopped(usage) if periods and is_much else None


def _disturbed(load: LoadResult, usage: Usage) -> str | None:
    """Under a CPU quota there are cores that others may use and nobody here misses."""
    cores, quota = usage.machine.cores, usage.machine.quota_cores
    missed = 1.0 if quota is None else _share(quota, len(cores))
    others = _share(_others(cores, usage.cpu_s + load.generator_cpu_s) - (1 - missed), missed)
    if others <= MOST_OTHERS:
        return None
    named = _named_others(usage, [core.cpu for core in cores])
    return f"others than the server and the generator used {others:.0%} of the {_cores(cores)}{named}"


def _crowded(load: LoadResult, usage: Usage) -> str | None:
    """All cores are taken, and there is more to run. Where waiting is unknown, too many workers are a sign of it."""
    cores, workers = _server_cores(load, usage), _workers_at_a_time(usage)
    idle, waiting = _idle(load, usage), _waiting(usage)
    if idle >= LEAST_IDLE or (workers <= len(cores) if waiting is None else waiting <= MOST_WAITING):
        return None
    left = f"{idle:.0%} of the {_cores(cores)} for the server was idle"
    if waiting is None:
        return f"{left}, for {workers} workers"
    return f"{left}, and it waited for one {waiting:.0%} of the time it could have run"


def _without_queue(load: LoadResult, usage: Usage) -> str | None:
    """However busy the server is: it gets its next request only when the generator has taken the last response."""
    workers = _workers_at_a_time(usage)
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
    return f"{whose} used {average:.0%} of the CPU that {they} can get{_threads(max(busy), load, usage)}"


def _one_busy(load: LoadResult, usage: Usage) -> str | None:
    busy = sorted(_busy_shares(load, usage))
    if not busy or busy[-1].share < LEAST_BUSY_ONE:
        return None
    used = f"one worker used {busy[-1].share:.0%} of the CPU that it can get{_threads(busy[-1], load, usage)}"
    return f"{used}, the others {_average(busy[:-1]):.0%}"


def _kept_up(load: LoadResult, usage: Usage) -> str | None:
    if load.offered is None or _unserved(load) > MOST_UNSERVED:
        return None
    served = f"{load.offered.rate_per_s:,.0f} requests/s were offered and served"
    return f"{served}, and the busiest worker used {_busiest(load, usage)}"


def _starved(load: LoadResult, usage: Usage) -> str:
    return (
        f"{_time_left(load, usage)}: too few connections"
        f" ({load.connections}), or the server waits for something else than the CPU"
    )


def _with_time_left(rule: Rule) -> Rule:
    """The rule for workers that could have worked more, and did not keep up."""

    @wraps(rule)
    def why(load: LoadResult, usage: Usage) -> str | None:
        is_busy = max((busy.share for busy in _busy_shares(load, usage)), default=0.0) >= LEAST_BUSY
        told = None if is_busy or _kept_up(load, usage) else rule(load, usage)
        return None if told is None else f"{_time_left(load, usage)}: {told}"

    return why


def _time_left(load: LoadResult, usage: Usage) -> str:
    unserved = f", yet {_unserved(load):.0%} of what was due was not served" if load.offered else ""
    return f"the busiest worker used only {_busiest(load, usage)}{unserved}"


RULES: Final[Sequence[tuple[Bottleneck, Rule]]] = (
    (Bottleneck.GENERATOR, _doubted),
    (Bottleneck.MACHINE, _hogged),
    (Bottleneck.MACHINE, _stolen),
    (Bottleneck.MACHINE, _throttled),
    (Bottleneck.MACHINE, _disturbed),
    (Bottleneck.MACHINE, _crowded),
    (Bottleneck.PROCESS, _with_time_left(waiting.other_process)),
    (Bottleneck.ACKS, _with_time_left(waiting.delayed_acks)),
    (Bottleneck.CONNECTIONS, _without_queue),
    (Bottleneck.SERVER, _busy),
    (Bottleneck.SERVER, _one_busy),
    (Bottleneck.NOTHING, _kept_up),
    (Bottleneck.CONNECTIONS, _with_time_left(waiting.few_connections)),
    (Bottleneck.DISK, _with_time_left(waiting.disk)),
    (Bottleneck.LOCKS, _with_time_left(waiting.locks)),
    (Bottleneck.CONCURRENCY, _with_time_left(waiting.concurrency_limit)),
    (Bottleneck.STARVED, _starved),
)

DISTURBANCES: Final[Sequence[tuple[Rule, str]]] = (
    (_hogged, "End them, keep them off the generator's cores, or measure on a machine of its own"),
    (_stolen, "Measure on a machine that others have no part of"),
    (_throttled, "Raise the quota, or measure where there is none"),
    (_disturbed, "End them, or measure on a machine of its own"),
)

# The figures -----------------------------------------------------------------------------------------------


def _workers(usage: Usage) -> list[ProcessUsage]:
    return [process for process in usage.processes if process.role == "worker"]


def _server_cores(load: LoadResult, usage: Usage) -> list[CoreUsage]:
    """All that are not the generator's own."""
    return [core for core in usage.machine.cores if core.cpu not in load.cpus] or usage.machine.cores


def _workers_at_a_time(usage: Usage) -> int:
    """Without those that others came in place of; all where none was left in the end."""
    workers = _workers(usage)
    return len([worker for worker in workers if not worker.ended]) or len(workers)


@dataclass(frozen=True, order=True)
class Busy:
    """Of the CPU that a worker can get while it lives, the ``share`` that it used."""

    share: float
    used_cores: float
    at_once: float
    lived_s: float
    threads: int


def _busy_shares(load: LoadResult, usage: Usage) -> list[Busy]:
    """Of each worker, also of those that ended."""
    cores = free_cores(load, usage)
    return [_busy_share(worker, worker.lived_s or usage.window_s, cores) for worker in _workers(usage)]


def _busy_share(worker: ProcessUsage, lived_s: float, cores: float) -> Busy:
    """A worker can get a core for each of the threads that did its work, as far as there are so many.

    A thread can't run on several, so a worker is as busy as its busiest thread, at least. Threads that hold a global
    lock in turn can't use more than one core, whoever of them did the work. Where threads were not counted, a worker
    can get one core, or all where it was seen to run on several at once.
    """
    used, one = worker.cpu_s / lived_s, min(1.0, cores)
    if worker.busy_threads is not None:
        at_once = min(float(max(1, worker.busy_threads)), cores)
    else:
        at_once = one if used <= ONE_CORE else cores
    shares = [used / at_once, (worker.busiest_thread_s or 0.0) / lived_s / one]
    if has_global_lock(worker.program):
        shares.append(used / one)
    share = min(1.0, max(shares))
    return Busy(share, used, at_once, lived_s, worker.busy_threads or 1)


def _busiest(load: LoadResult, usage: Usage) -> str:
    busy = max(_busy_shares(load, usage), default=None)
    if busy is None:
        return "0% of the CPU that it can get"
    return f"{busy.share:.0%} of the CPU that it can get{_threads(busy, load, usage)}"


def _threads(busy: Busy, load: LoadResult, usage: Usage) -> str:
    """How that is meant where several threads did the work."""
    if busy.threads == 1:
        return ""
    return f" (its {busy.threads} busy threads {busy.used_cores:.1f} cores of {free_cores(load, usage):.3g})"


def _idle(load: LoadResult, usage: Usage) -> float:
    """The share of the server's cores' time in which these had nothing to do."""
    cores = _server_cores(load, usage)
    return _share(sum(core.idle_s for core in cores), _time_s(cores))


def _stopped(usage: Usage) -> str:
    """How often and for how long the quota left nothing to run with."""
    quota, stopped_s = usage.machine.quota_cores, usage.machine.throttled_s
    whose = "the CPU quota" if quota is None else f"the CPU quota of {quota:.3g} core{'' if quota == 1 else 's'}"
    times = f"{whose} was used up {_counted(usage.machine.throttled_periods or 0, 'time')}"
    if stopped_s is None:
        return times
    return f"{times}, which took {stopped_s:.2g} s of cores' time in {usage.window_s:.2g} s"


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


def _named_others(usage: Usage, cpus: Sequence[int]) -> str:
    """Who ran on these cores last, as far as single ones used much: of those that came and went nobody tells."""
    named = [
        f"{other.name} (process {other.pid}) {_share(other.cpu_s, usage.window_s):.0%} of one"
        for other in usage.others
        if other.cpu in cpus
    ]
    return f": {', '.join(named)}" if named else ""


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


def _average(busy: Sequence[Busy]) -> float:
    """Each by how long it lived."""
    return _share(sum(each.share * each.lived_s for each in busy), sum(each.lived_s for each in busy))


def _cores(cores: Sequence[CoreUsage]) -> str:
    return _counted(len(cores), "core")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
