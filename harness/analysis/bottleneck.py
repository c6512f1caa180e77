"""The bottleneck of a trial: the generator, the machine, the server, or none of them."""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Final

from harness.analysis import waiting
from harness.analysis.global_lock import has_global_lock
from harness.load.result import LoadResult
from harness.record import CoreUsage, ProcessUsage, Usage

MAX_HOGGED: Final = 0.5  # of the generator's own cores
MAX_STOLEN: Final = 0.02  # of all cores
MAX_THROTTLED: Final = 0.02  # of the CPU time that the quota allows
MAX_OTHERS: Final = 0.1  # of all cores
MAX_LINK: Final = 0.8  # of what a network interface carries
MAX_RESENT: Final = 0.01  # of the segments of TCP
MIN_IDLE: Final = 0.05  # of the server's cores
MAX_WAITING: Final = 0.1  # of the time in which the server ran or could have
MIN_BUSY: Final = 0.85  # of what the workers can use, on average
MIN_BUSY_ONE: Final = 0.9  # of what one of them can use
ONE_CORE: Final = 1.05  # a little more than one, for what is lost in reading the counters
MIN_CONNECTIONS: Final = 2  # for each worker: with one, no request ever waits behind the one that is served
MAX_UNSERVED: Final = 0.05  # of the requests due
MAX_DEMANDED: Final = 1.05  # of the cores: the workers then lose about 5 % to each other or to the generator


class Bottleneck(enum.Enum):
    """The resource of which a trial would have needed more, or a quicker one, to serve more."""

    GENERATOR = "generator-bound"
    MACHINE = "machine-bound"
    LIMIT = "limit-bound"
    NETWORK = "network-bound"
    SERVER = "server-bound"
    CONNECTIONS = "connection-bound"
    PROCESS = "process-bound"
    SERVICE = "service-bound"
    ACKS = "ACK-bound"
    DISK = "disk-bound"
    LOCKS = "lock-bound"
    CONCURRENCY = "concurrency-bound"
    STARVED = "starved"
    NOTHING = "kept up"


@dataclass(frozen=True)
class Diagnosis:
    """A bottleneck, and the figures that point to it, in one sentence."""

    limit: Bottleneck
    why: str


@dataclass(frozen=True)
class Disturbance:
    """A disturbance by something else on the machine, and the advice on it."""

    what: str
    advice: str


Rule = Callable[[LoadResult, Usage], str | None]
"""A rule returns why it holds, or None where it does not."""


def diagnose(load: LoadResult, usage: Usage) -> Diagnosis:
    """Return the bottleneck of a trial. Only one that is server-bound, or limit-bound by a limit of its own, or kept
    up with what was offered, measures the server.

    The rules are tried in order, and the first that holds gives the answer. A worker that runs on one core at a time,
    as an event loop or the threads of one Python process do, can use that core and no more. Where the kernel does not
    account for interrupts to the process that runs (IRQ_TIME_ACCOUNTING), busy workers look a little less busy. A
    used-up CPU quota and a full listen queue are mentioned whatever the bottleneck was.
    """
    limit, why = next((limit, why) for limit, rule in RULES if (why := rule(load, usage)) is not None)
    if usage.machine.throttled_periods and (stopped := _throttling_text(usage)) != why:
        why = f"{why}; {stopped}"
    overflows = usage.machine.listen_overflows
    if overflows:
        why = f"{why}; {overflows:,} attempts to connect found a listen queue full"
    return Diagnosis(limit, f"{why}.")


def find_disturbance(load: LoadResult, usage: Usage) -> Disturbance | None:
    """Return what others did to a trial, whatever its bottleneck was; None when that was little."""
    found = ((rule(load, usage), advice) for rule, advice in DISTURBANCES)
    return next((Disturbance(what, advice) for what, advice in found if what is not None), None)


def free_cores(load: LoadResult, usage: Usage) -> float:
    """Return how many cores the server can use, together with a generator that has none of its own. A CPU quota, and a
    limit of the topology's own, count for the cores that they are worth."""
    own = usage.limit.cpus if usage.limit else None
    known = [limit for limit in (usage.machine.quota_cores, own) if limit is not None]
    return min([float(len(_server_cores(load, usage))), *known])


def server_demand(load: LoadResult, usage: Usage) -> float:
    """Return how many cores the server's processes would have kept busy: their CPU time, and the time in which they
    could have run and had to wait for a core.

    The threads of one process want no more cores than there are, and under a global lock no more than one, except that
    each process can always use one. What they lose to each other beyond that, they would lose on any machine. Where the
    kernel does not count waiting and no core was idle, every worker is assumed to have wanted one.
    """
    if any(process.run_delay_s is None for process in usage.processes) and _idle_share(load, usage) < MIN_IDLE:
        return max(float(_workers_at_a_time(usage)), usage.cpu_s / usage.window_s)
    most_s = max(1.0, free_cores(load, usage)) * usage.window_s
    wanted_s = [
        min(
            max(process.cpu_s, usage.window_s) if has_global_lock(process.program) else most_s,
            process.cpu_s + (process.run_delay_s or 0.0),
        )
        for process in usage.processes
    ]
    return (sum(wanted_s) + usage.reaped_cpu_s) / usage.window_s


def contention(load: LoadResult, usage: Usage) -> float:
    """Return the demand for the server's cores as a multiple of them; with the generator's where it shares them."""
    generator = 0.0 if load.cpus else load.generator_cpu_here_s / usage.window_s
    return _share(server_demand(load, usage) + generator, free_cores(load, usage))


# The rules -------------------------------------------------------------------------------------------------


def _generator_doubt(load: LoadResult, usage: Usage) -> str | None:
    """Return the first doubt about the generator. A miscounted load is doubtful too, but limited by nothing."""
    doubts = [doubt.what for doubt in load.doubts if doubt.is_of_generator]
    return doubts[0].removesuffix(".") if doubts else None


def _load_on_generator_cores(load: LoadResult, usage: Usage) -> str | None:
    """Return how much others used of the generator's own cores. Of a generator without such, they are among all
    others."""
    own = [core for core in usage.machine.cores if core.cpu in load.cpus]
    others = _other_share(own, load.generator_cpu_here_s)
    if others <= MAX_HOGGED:
        return None
    return (
        f"others used {others:.0%} of the generator's own {_cores_text(own)}{_other_processes_text(usage, load.cpus)}"
    )


def _steal(load: LoadResult, usage: Usage) -> str | None:
    cores = usage.machine.cores
    stolen = _share(usage.machine.steal_s, _time_s(cores))
    return f"the hypervisor withheld {stolen:.0%} of the {_cores_text(cores)}" if stolen > MAX_STOLEN else None


def _throttling(load: LoadResult, usage: Usage) -> str | None:
    allowed_s = free_cores(load, usage) * usage.window_s
    periods, stopped_s = usage.machine.throttled_periods, usage.machine.throttled_s
    is_much = stopped_s is None or _share(stopped_s, allowed_s) > MAX_THROTTLED
    return _throttling_text(usage) if periods and is_much else None


def _own_limit(load: LoadResult, usage: Usage) -> str | None:
    """Return how often the topology's own CPU limit stopped it."""
    limit = usage.limit
    if limit is None or limit.cpus is None or _share(limit.throttled_s, limit.cpus * usage.window_s) <= MAX_THROTTLED:
        return None
    return (
        f"its limit of {limit.cpus:g} cores was used up in {limit.throttled_periods} of {limit.periods} periods, in"
        f" which its processes then stood still for {limit.throttled_s:.2f} s in all"
    )


def _full_link(load: LoadResult, usage: Usage) -> str | None:
    """Return how full a network interface was, where the load comes from other machines."""
    shares = [
        (max(link.received_bytes, link.sent_bytes) / usage.window_s / link.bytes_per_s, link)
        for link in usage.machine.links
        if link.bytes_per_s is not None and usage.window_s
    ]
    share, link = max(shares, key=lambda each: each[0], default=(0.0, None))
    if not load.hosts or link is None or share <= MAX_LINK:
        return None
    return f"{link.name} carried {share:.0%} of the {link.bytes_per_s:,.0f} bytes/s that it can"


def _resent_segments(load: LoadResult, usage: Usage) -> str | None:
    """Return how much of what was sent had to be sent again, where the load comes from other machines."""
    sent, resent = usage.machine.sent_segments, usage.machine.resent_segments
    if not load.hosts or sent is None or resent is None or _share(resent, sent) <= MAX_RESENT:
        return None
    return f"{_share(resent, sent):.1%} of the segments that the server's machine sent were lost, and sent again"


def _other_load(load: LoadResult, usage: Usage) -> str | None:
    """Return how much others used of all cores. Under a CPU quota, some cores can be used by others at no loss to the
    server."""
    cores, quota = usage.machine.cores, usage.machine.quota_cores
    missed = 1.0 if quota is None else _share(quota, len(cores))
    others = _share(
        _other_share(cores, usage.cpu_s + usage.services_cpu_s + load.generator_cpu_here_s) - (1 - missed), missed
    )
    if others <= MAX_OTHERS:
        return None
    named = _other_processes_text(usage, [core.cpu for core in cores])
    return f"others than the server and the generator used {others:.0%} of the {_cores_text(cores)}{named}"


def _core_shortage(load: LoadResult, usage: Usage) -> str | None:
    """Return that there was more to run than the cores ran. Where waiting is unknown, too many workers are a sign of
    it."""
    cores, workers = _server_cores(load, usage), _workers_at_a_time(usage)
    idle, waiting = _idle_share(load, usage), _waiting_share(usage)
    is_short = idle < MIN_IDLE or _has_lost_cores(load, usage)
    has_more = workers > len(cores) if waiting is None else waiting > MAX_WAITING
    if not (is_short and has_more):
        return None
    left = f"{idle:.0%} of the {_cores_text(cores)} for the server was idle"
    if waiting is None:
        return f"{left}, for {workers} workers"
    waited = f"{left}, and it waited for one {waiting:.0%} of the time it could have run"
    return waited if idle < MIN_IDLE else f"{waited}, in part for a busy one while another was idle"


def _has_lost_cores(load: LoadResult, usage: Usage) -> bool:
    """Check whether the workers always wanted to run and could not, though some core was idle at times: the kernel may
    let several wait for one core while another is idle."""
    busy = _workers_busy(load, usage)
    return _average_busy(busy) < MIN_BUSY <= _average([(each.wanted, each.lived_s) for each in busy])


def _connection_shortage(load: LoadResult, usage: Usage) -> str | None:
    """Return that a worker has no next request until the generator has read its last response, however busy it is."""
    workers = _workers_at_a_time(usage)
    if load.loop == "open" or load.connections >= MIN_CONNECTIONS * workers:
        return None
    offered = f"{_count_text(load.connections, 'connection')} for {_count_text(workers, 'worker')}"
    return f"{offered} can't keep a request in line at every worker"


def _workers_at_limit(load: LoadResult, usage: Usage) -> str | None:
    busy = _workers_busy(load, usage)
    average = _average_busy(busy)
    if average < MIN_BUSY:
        return None
    whose, they = ("the worker", "it") if len(busy) == 1 else (f"the {len(busy)} workers", "they")
    return f"{whose} used {average:.0%} of the CPU that {they} can get{_threads_text(max(busy), load, usage)}"


def _one_worker_at_limit(load: LoadResult, usage: Usage) -> str | None:
    busy = sorted(_workers_busy(load, usage))
    if not busy or busy[-1].share < MIN_BUSY_ONE:
        return None
    used = f"one worker used {busy[-1].share:.0%} of the CPU that it can get{_threads_text(busy[-1], load, usage)}"
    return f"{used}, the others {_average_busy(busy[:-1]):.0%}"


def _no_limit(load: LoadResult, usage: Usage) -> str | None:
    if load.offered is None or _unserved_share(load) > MAX_UNSERVED:
        return None
    served = f"{load.offered.rate_per_s:,.0f} requests/s were offered and served"
    return f"{served}, and the busiest worker used {_busiest_text(load, usage)}"


def _starvation(load: LoadResult, usage: Usage) -> str:
    return (
        f"{_time_left_text(load, usage)}: too few connections"
        f" ({load.connections}), or the server waits for something else than the CPU"
    )


def _require_time_left(rule: Rule) -> Rule:
    """Return the rule, restricted to workers that could have worked more and did not keep up."""

    @wraps(rule)
    def check(load: LoadResult, usage: Usage) -> str | None:
        is_busy = max((busy.share for busy in _workers_busy(load, usage)), default=0.0) >= MIN_BUSY
        why = None if is_busy or _no_limit(load, usage) else rule(load, usage)
        return None if why is None else f"{_time_left_text(load, usage)}: {why}"

    return check


def _time_left_text(load: LoadResult, usage: Usage) -> str:
    unserved = f", yet {_unserved_share(load):.0%} of what was due was not served" if load.offered else ""
    return f"the busiest worker used only {_busiest_text(load, usage)}{unserved}"


RULES: Final[Sequence[tuple[Bottleneck, Rule]]] = (
    (Bottleneck.GENERATOR, _generator_doubt),
    (Bottleneck.MACHINE, _load_on_generator_cores),
    (Bottleneck.MACHINE, _steal),
    (Bottleneck.MACHINE, _throttling),
    (Bottleneck.MACHINE, _other_load),
    (Bottleneck.LIMIT, _own_limit),
    (Bottleneck.NETWORK, _full_link),
    (Bottleneck.MACHINE, _core_shortage),
    (Bottleneck.PROCESS, _require_time_left(waiting.other_process)),
    (Bottleneck.SERVICE, _require_time_left(waiting.service)),
    (Bottleneck.ACKS, _require_time_left(waiting.delayed_acks)),
    (Bottleneck.CONNECTIONS, _connection_shortage),
    (Bottleneck.SERVER, _workers_at_limit),
    (Bottleneck.SERVER, _one_worker_at_limit),
    (Bottleneck.NOTHING, _no_limit),
    (Bottleneck.CONNECTIONS, _require_time_left(waiting.few_connections)),
    (Bottleneck.NETWORK, _require_time_left(_resent_segments)),
    (Bottleneck.DISK, _require_time_left(waiting.disk)),
    (Bottleneck.LOCKS, _require_time_left(waiting.locks)),
    (Bottleneck.CONCURRENCY, _require_time_left(waiting.concurrency_limit)),
    (Bottleneck.STARVED, _starvation),
)

DISTURBANCES: Final[Sequence[tuple[Rule, str]]] = (
    (_load_on_generator_cores, "End them, keep them off the generator's cores, or measure on a machine of its own"),
    (_steal, "Measure on a machine that others have no part of"),
    (_throttling, "Raise the quota, or measure where there is none"),
    (_other_load, "End them, or measure on a machine of its own"),
)

# The figures -----------------------------------------------------------------------------------------------


def _workers(usage: Usage) -> list[ProcessUsage]:
    return [process for process in usage.processes if process.role == "worker"]


def _server_cores(load: LoadResult, usage: Usage) -> list[CoreUsage]:
    """Return all cores but the generator's own."""
    return [core for core in usage.machine.cores if core.cpu not in load.cpus] or usage.machine.cores


def _workers_at_a_time(usage: Usage) -> int:
    """Return the number of workers, without those that were replaced; all of them where none was left at the end."""
    workers = _workers(usage)
    return len([worker for worker in workers if not worker.ended]) or len(workers)


@dataclass(frozen=True, order=True)
class Busy:
    """The ``share`` that a worker used of the CPU that it can get while it lives, and what it ``wanted``: also the time
    in which it waited for a core."""

    share: float
    wanted: float
    used_cores: float
    at_once: float
    lived_s: float
    threads: int


def _workers_busy(load: LoadResult, usage: Usage) -> list[Busy]:
    """Return how busy each worker was, including those that ended."""
    cores = free_cores(load, usage)
    return [_compute_busy(worker, worker.lived_s or usage.window_s, cores) for worker in _workers(usage)]


def _compute_busy(worker: ProcessUsage, lived_s: float, cores: float) -> Busy:
    """Return how busy a worker was. It can get a core for each of the threads that did its work, if there are so many
    cores.

    A thread can't run on several cores, so a worker is at least as busy as its busiest thread. Threads that take turns
    to hold a global lock can't use more than one core, whichever of them did the work. Where threads were not counted,
    a worker can get one core, or all of them if it was seen to run on several at once.
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
    wanted = min(1.0, share + (worker.run_delay_s or 0.0) / lived_s / at_once)
    return Busy(share, wanted, used, at_once, lived_s, worker.busy_threads or 1)


def _busiest_text(load: LoadResult, usage: Usage) -> str:
    busy = max(_workers_busy(load, usage), default=None)
    if busy is None:
        return "0% of the CPU that it can get"
    return f"{busy.share:.0%} of the CPU that it can get{_threads_text(busy, load, usage)}"


def _threads_text(busy: Busy, load: LoadResult, usage: Usage) -> str:
    """Return how many cores the busy threads used, where there were several."""
    if busy.threads == 1:
        return ""
    return f" (its {busy.threads} busy threads {busy.used_cores:.1f} cores of {free_cores(load, usage):.3g})"


def _idle_share(load: LoadResult, usage: Usage) -> float:
    """Return the share of the time of the server's cores in which they were idle."""
    cores = _server_cores(load, usage)
    return _share(sum(core.idle_s for core in cores), _time_s(cores))


def _throttling_text(usage: Usage) -> str:
    """Return how often and for how long the CPU quota was used up."""
    quota, stopped_s = usage.machine.quota_cores, usage.machine.throttled_s
    whose = "the CPU quota" if quota is None else f"the CPU quota of {quota:.3g} core{'' if quota == 1 else 's'}"
    times = f"{whose} was used up {_count_text(usage.machine.throttled_periods or 0, 'time')}"
    if stopped_s is None:
        return times
    return f"{times}, which took {stopped_s:.2g} s of cores' time in {usage.window_s:.2g} s"


def _waiting_share(usage: Usage) -> float | None:
    """Return the share of the time in which the server's threads ran, or could have run, that they waited for a core.

    Where the kernel does not keep that, return the share of the window in which any task of the machine waited for one
    (CPU pressure); None where that is unknown too.
    """
    delays_s = [process.run_delay_s for process in usage.processes if process.run_delay_s is not None]
    if delays_s:
        return _share(sum(delays_s), sum(delays_s) + usage.cpu_s)
    return None if usage.machine.pressure_s is None else _share(usage.machine.pressure_s, usage.window_s)


def _other_share(cores: Sequence[CoreUsage], known_s: float) -> float:
    """Return the share of the cores' time that was used by no process whose use is known.

    Time for interrupts is left out: some kernels count it as time of the process that was interrupted, some do not.
    """
    return _share(sum(core.busy_s - core.irq_s for core in cores) - known_s, _time_s(cores))


def _other_processes_text(usage: Usage, cpus: Sequence[int]) -> str:
    """Return the single processes that ran on these cores and used much. Short-lived ones are recorded nowhere."""
    named = [
        f"{other.name} (process {other.pid}) {_share(other.cpu_s, usage.window_s):.0%} of one"
        for other in usage.others
        if other.cpu in cpus
    ]
    return f": {', '.join(named)}" if named else ""


def _unserved_share(load: LoadResult) -> float:
    """Return the share of the requests due in an open loop that failed, or only made the queue longer."""
    assert load.offered is not None
    already = load.started - load.offered.begun  # in flight when the window opened
    more = max(0, load.unfinished - already)
    return _share(load.offered.dropped + load.errors.failed + load.errors.timeout + more, load.offered.due)


def _time_s(cores: Sequence[CoreUsage]) -> float:
    return sum(core.busy_s + core.idle_s + core.steal_s for core in cores)


def _share(part: float, whole: float) -> float:
    return max(0.0, part / whole) if whole else 0.0


def _average_busy(busy: Sequence[Busy]) -> float:
    """Return the average share, each worker weighted by how long it lived."""
    return _average([(each.share, each.lived_s) for each in busy])


def _average(weighted: Sequence[tuple[float, float]]) -> float:
    """Return the average of shares, of which each has its weight beside it."""
    return _share(sum(share * weight for share, weight in weighted), sum(weight for _, weight in weighted))


def _cores_text(cores: Sequence[CoreUsage]) -> str:
    return _count_text(len(cores), "core")


def _count_text(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
