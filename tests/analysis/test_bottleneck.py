"""What limited a trial, by its figures."""

from typing import Any

import numpy as np
import pytest

from harness.analysis.bottleneck import (
    MAX_DEMANDED,
    RULES,
    contention,
    diagnose,
    free_cores,
    server_demand,
)
from harness.analysis.bottleneck import Bottleneck as By
from harness.load.latency import LatencyHistogram
from harness.load.result import Errors, GeneratorHost, HealthWarning, LoadResult, Offered
from harness.record import CoreUsage, LimitUsage, LinkUsage, MachineUsage, ProcessUsage, ServiceUsage, Usage
from tests.made_runs import load_result, offered

BUSY_LOOP = HealthWarning(kind="busy", what="the loop was busy 97% of the time.", advice="Use more processes.")
GENERATOR_S = 0.1
"""CPU of the generator in one second."""


def load(**changes: Any) -> LoadResult:
    """A closed loop of 40 connections with the generator on core 3, which has nothing to say against itself."""
    usual = {"connections": 40, "cpus": [3], "generator_cpu_s": GENERATOR_S, "busy": 0.2}
    return load_result(500.0).model_copy(update=usual | changes)


def open_load(offer: Offered, **changes: Any) -> LoadResult:
    """An open loop in which all went well that was begun."""
    return load(loop="open", offered=offer, started=offer.begun, **changes)


def worker(
    cpu_s: float,
    run_delay_s: float | None = 0.0,
    busiest_thread_s: float | None = None,
    pid: int = 10,
    busy_threads: int | None = 1,
    program: str = "",
    lived_s: float = 1.0,
    ended: bool = False,
    **more: Any,
) -> ProcessUsage:
    """A worker that ran for this long in one second, unless told otherwise in one thread."""
    return ProcessUsage(
        pid=pid,
        role=more.pop("role", "worker"),
        user_s=cpu_s,
        system_s=0.0,
        run_delay_s=run_delay_s,
        busiest_thread_s=cpu_s if busiest_thread_s is None else busiest_thread_s,
        rss_bytes=2**25,
        voluntary_switches=0,
        involuntary_switches=0,
        busy_threads=busy_threads,
        program=program,
        lived_s=lived_s,
        ended=ended,
        **more,
    )


def threaded(cpu_s: float, busy_threads: int, program: str = "") -> ProcessUsage:
    """A worker whose threads had equal parts."""
    return worker(cpu_s, busiest_thread_s=cpu_s / busy_threads, busy_threads=busy_threads, program=program)


def uncounted(cpu_s: float, busiest_thread_s: float) -> ProcessUsage:
    """As in records from before busy threads were counted."""
    return worker(cpu_s, busiest_thread_s=busiest_thread_s, busy_threads=None)


def usage(
    workers: list[ProcessUsage],
    busy_s: list[float] | None = None,
    steal_s: float = 0.0,
    irq_s: float = 0.0,
    overflows: int | None = 0,
    pressure_s: float | None = None,
    quota: float | None = None,
    throttled: tuple[int, float | None] | None = None,
) -> Usage:
    """One second on four cores, of which the workers have the first ones and the generator the last, or as told; and
    how often, and for how long, a quota was used up."""
    used_s = [worker.cpu_s for worker in workers][:3]
    busy_s = busy_s or [*used_s, *[0.0] * (3 - len(used_s)), GENERATOR_S]
    cores = [
        CoreUsage(cpu=cpu, busy_s=busy, irq_s=irq_s, idle_s=1.0 - busy - steal_s, steal_s=steal_s)
        for cpu, busy in enumerate(busy_s)
    ]
    machine = MachineUsage(
        cores=cores,
        pressure_s=pressure_s,
        listen_overflows=overflows,
        listen_drops=overflows,
        quota_cores=quota,
        throttled_periods=throttled[0] if throttled else None,
        throttled_s=throttled[1] if throttled else None,
    )
    return Usage(window_s=1.0, processes=workers, machine=machine, pace_us=None, series=[])


ONE = [worker(0.97)]
LAZY = [worker(0.4)]
IDLE_ELSEWHERE = [0.97, 0.0, 0.0, GENERATOR_S]
CROWD = [worker(0.75, run_delay_s=0.25, pid=pid) for pid in range(4)]  # on three cores
FULL = [1.0, 1.0, 1.0, GENERATOR_S]
OFFER = offered(500)


def answered_in(low_ms: float, high_ms: float) -> LoadResult:
    """Half of the answers took so long, spread evenly, and of the others each half as long."""
    histogram = LatencyHistogram()
    slow_ns = np.linspace(low_ms * 1e6, high_ms * 1e6, 250)
    histogram.record(np.concatenate([slow_ns, slow_ns[:240] / 2]).astype(np.int64))
    return load(latency_ms=histogram.summary(), histogram=histogram.encode())


def waiting(
    unloaded_ms: float | None = None, io_pressure_s: float | None = None, role: str = "", **of_worker: Any
) -> Usage:
    """A lazy worker, with a busy process of that role beside it if there is one."""
    others = [worker(0.97, role=role, program="haproxy")] if role else []
    found = usage([worker(0.4, **of_worker), *others])
    machine = found.machine.model_copy(update={"io_pressure_s": io_pressure_s})
    return found.model_copy(update={"unloaded_ms": unloaded_ms, "machine": machine})


ELSEWHERE = GeneratorHost(
    name="gen-1", processes=1, started=500, requests=500, errors=0, bytes=1, cpu_s=0.9, busy=0.9, stalled_s=0.0,
    offset_us=0.0, bound_us=1.0, round_trip_us=2.0, begun_us=0.0,
)  # fmt: skip


def over_network(found: Usage, sent_bytes: int = 0, resent: int = 0) -> Usage:
    """With an interface that can send a thousand bytes a second, and a thousand segments that were sent."""
    link = LinkUsage(name="eth0", received_bytes=0, sent_bytes=sent_bytes, bytes_per_s=1000.0)
    changes = {"links": [link], "sent_segments": 1000, "resent_segments": resent}
    return found.model_copy(update={"machine": found.machine.model_copy(update=changes)})


SERVICE = ServiceUsage(name="redis", cpu_s=0.95, busiest_s=0.95, rss_bytes=1)


def beside(service: ServiceUsage, busy_s: list[float] | None = None) -> Usage:
    """A lazy worker beside a service."""
    return usage(LAZY, busy_s).model_copy(update={"unloaded_ms": 1.2, "services": [service]})


def limited(throttled_s: float) -> Usage:
    """A lazy worker with a limit of half a core, which stopped it for so long in all."""
    limit = LimitUsage(
        cpus=0.5, memory_bytes=None, periods=10, throttled_periods=6, throttled_s=throttled_s, oom_kills=0
    )
    return usage(LAZY).model_copy(update={"limit": limit})


KIB = 2**10

CASES: dict[str, tuple[LoadResult, Usage, By, str]] = {
    "a saturated worker": (load(), usage(ONE), By.SERVER, "the worker used 97% of the CPU"),
    "three busy workers": (load(), usage([worker(0.9)] * 3), By.SERVER, "the 3 workers used 90%"),
    "one busy worker": (
        load(), usage([worker(0.97), worker(0.1), worker(0.2)]), By.SERVER,
        "one worker used 97% of the CPU that it can get, the others 15%",
    ),
    "nearly busy": (load(), usage([worker(0.84)]), By.STARVED, "only 84%"),
    "waits for something else": (load(), usage(LAZY), By.STARVED, "waits for something else than the CPU"),
    "one connection": (load(connections=1), usage(ONE), By.CONNECTIONS, "1 connection for 1 worker"),
    "one connection and a lazy worker": (load(connections=1), usage(LAZY), By.CONNECTIONS, "1 connection"),
    "two connections": (load(connections=2), usage(ONE), By.SERVER, "97%"),
    "five for three": (load(connections=5), usage([worker(0.9)] * 3), By.CONNECTIONS, "5 connections for 3 workers"),
    "one connection, open": (open_load(OFFER, connections=1), usage(LAZY), By.NOTHING, "offered and served"),
    "doubts come first": (load(doubts=[BUSY_LOOP], connections=1), usage(CROWD, FULL), By.GENERATOR, "busy 97%"),
    "a hog beside the generator": (
        load(), usage(ONE, [0.97, 0.0, 0.0, 1.0]), By.MACHINE, "90% of the generator's own 1 core"
    ),
    "a little beside the generator": (load(), usage(ONE, [0.97, 0.0, 0.0, 0.45]), By.SERVER, "97%"),
    "a hog, no core of its own": (
        load(cpus=[]), usage(ONE, [0.97, 0.0, 0.0, 1.0]), By.MACHINE, "others than the server and the generator"
    ),
    "a hog elsewhere": (load(), usage(ONE, [0.97, 0.92, 0.0, GENERATOR_S]), By.MACHINE, "23% of the 4 cores"),
    "interrupts are no others": (load(), usage(ONE, [0.97, 0.5, 0.4, 0.2], irq_s=0.3), By.SERVER, "97%"),
    "stolen time": (load(), usage(ONE, IDLE_ELSEWHERE, steal_s=0.03), By.MACHINE, "withheld 3% of the 4 cores"),
    "little stolen time": (load(), usage(ONE, IDLE_ELSEWHERE, steal_s=0.02), By.SERVER, "97%"),
    "more workers than cores": (
        load(), usage(CROWD, FULL), By.MACHINE,
        "0% of the 3 cores for the server was idle, and it waited for one 25% of the time",
    ),
    "the generator's idle core is no help": (load(), usage(CROWD, [1.0, 1.0, 1.0, 0.1]), By.MACHINE, "3 cores"),
    "all cores taken, no waiting": (load(), usage([worker(0.98)] * 3), By.SERVER, "the 3 workers used 98%"),
    "waiting beside idle cores": (
        load(), usage([worker(0.5, run_delay_s=0.3)], [0.5, 0.2, 0.2, 0.1]), By.STARVED, "50%"
    ),
    "all want to run, and a core is idle at times": (
        load(), usage([worker(0.68, run_delay_s=0.32)] * 4, [0.97, 0.97, 0.78, GENERATOR_S]), By.MACHINE,
        "9% of the 3 cores for the server was idle, and it waited for one 32% of the time it could have run, in part"
        " for a busy one while another was idle",
    ),
    "one that always wants to run, and waits beside idle cores": (
        load(), usage([worker(0.7, run_delay_s=0.3)], [0.7, 0.0, 0.0, GENERATOR_S]), By.MACHINE, "waited for one 30%"
    ),
    "one that waits, and is at its limit yet": (
        load(), usage([worker(0.87, run_delay_s=0.13)], [0.87, 0.0, 0.0, GENERATOR_S]), By.SERVER, "used 87%"
    ),
    "a crowd, waiting unknown": (
        load(), usage([worker(0.75, run_delay_s=None)] * 4, FULL), By.MACHINE, "was idle, for 4 workers"
    ),
    "a crowd by the pressure": (
        load(), usage([worker(0.98, run_delay_s=None)] * 3, FULL, pressure_s=0.4), By.MACHINE, "waited for one 40%"
    ),
    "no crowd by the pressure": (
        load(), usage([worker(0.98, run_delay_s=None)] * 4, FULL, pressure_s=0.05), By.SERVER, "the 4 workers used"
    ),
    "no crowd, waiting unknown": (load(), usage([worker(0.98, run_delay_s=None)] * 3), By.SERVER, "98%"),
    "helper threads beside a saturated one": (
        load(), usage([worker(1.3, busiest_thread_s=0.99, busy_threads=2)]), By.SERVER,
        "used 99% of the CPU that it can get (its 2 busy threads 1.3 cores of 3)",
    ),
    "threads that take turns": (load(), usage([threaded(0.99, 4, "python3.11")]), By.SERVER, "99%"),
    "threads that take turns, and wait": (load(), usage([threaded(0.6, 4, "ruby3.1")]), By.STARVED, "only 60%"),
    "threads that hold no lock": (
        load(), usage([threaded(0.99, 4, "python3.13t")], [0.33, 0.33, 0.33, 0.1]), By.STARVED,
        "only 33% of the CPU that it can get (its 4 busy threads 1.0 cores of 3)",
    ),
    "threads on one core's worth of several": (
        load(), usage([threaded(1.0, 4, "granite")], [0.4, 0.3, 0.3, 0.1]), By.STARVED, "33%"
    ),
    "two threads of which each has a core": (
        load(), usage([threaded(1.9, 2, "java")], [0.9, 0.9, 0.1, 0.1]), By.SERVER, "95%"
    ),
    "threads that nobody saw long enough": (
        load(), usage([worker(1.5, busiest_thread_s=0.01, busy_threads=40)], [0.5, 0.5, 0.5, 0.1]), By.STARVED, "50%"
    ),
    "threads on all cores": (
        load(), usage([worker(2.85, busiest_thread_s=0.96, busy_threads=3)], [0.95, 0.95, 0.95, 0.1]), By.SERVER,
        "96%",
    ),
    "uncounted threads on one core": (load(), usage([uncounted(0.99, 0.3)]), By.SERVER, "99%"),
    "uncounted threads on several": (
        load(), usage([uncounted(1.5, 0.4)], [0.5, 0.5, 0.5, 0.1]), By.STARVED, "50%"
    ),
    "workers that take each other's place": (
        load(), usage([worker(0.48, lived_s=0.5, ended=True), worker(0.49, lived_s=0.5)]), By.SERVER,
        "the 2 workers used 97%",
    ),
    "two connections for workers one after the other": (
        load(connections=2), usage([worker(0.48, lived_s=0.5, ended=True), worker(0.49, lived_s=0.5)]), By.SERVER, ""
    ),
    "a full link": (
        load(hosts=[ELSEWHERE]), over_network(usage(ONE), 900), By.NETWORK,
        "eth0 carried 90% of the 1,000 bytes/s that it can",
    ),
    "a full link of others": (load(), over_network(usage(ONE), 900), By.SERVER, "97%"),
    "a link with room": (load(hosts=[ELSEWHERE]), over_network(usage(ONE), 700), By.SERVER, "97%"),
    "segments that are lost": (
        load(hosts=[ELSEWHERE]), over_network(waiting(0.1), resent=20), By.NETWORK,
        "only 40% of the CPU that it can get: 2.0% of the segments that the server's machine sent were lost",
    ),
    "lost segments of a busy server": (load(hosts=[ELSEWHERE]), over_network(usage(ONE), resent=20), By.SERVER, "97%"),
    "a generator elsewhere takes no core": (
        load(hosts=[ELSEWHERE], cpus=[], generator_cpu_s=3.9), usage([worker(0.97)], [0.97, 0.0, 0.0, 0.0]), By.SERVER,
        "97%",
    ),
    "a quota that is used up": (
        load(cpus=[]), usage(ONE, quota=2.0, throttled=(7, 0.5)), By.MACHINE,
        "the CPU quota of 2 cores was used up 7 times, which took 0.5 s of cores' time in 1 s",
    ),
    "a quota that is used up, time unknown": (
        load(cpus=[]), usage(ONE, quota=1.5, throttled=(1, None)), By.MACHINE, "the CPU quota of 1.5 cores was used"
    ),
    "a quota of a group above": (
        load(), usage(ONE, throttled=(7, 0.5)), By.MACHINE, "the CPU quota was used up 7 times"
    ),
    "a quota that was hardly used up": (
        load(cpus=[]), usage(ONE, quota=2.0, throttled=(1, 0.01)), By.SERVER, "; the CPU quota of 2 cores"
    ),
    "a quota that is not used up": (load(cpus=[]), usage(ONE, quota=2.0, throttled=(0, 0.0)), By.SERVER, "97%"),
    "half a core is all that can be got": (
        load(cpus=[]), usage([worker(0.48)], quota=0.5, throttled=(0, 0.0)), By.SERVER, "used 96% of the CPU"
    ),
    "others on cores that the quota leaves": (
        load(cpus=[]), usage(ONE, [0.97, 0.9, 0.9, 0.1], quota=2.0), By.SERVER, "97%"
    ),
    "others on cores that the quota allows": (
        load(cpus=[]), usage(ONE, [0.97, 0.97, 0.97, 0.97], quota=2.0), By.MACHINE, "others than the server"
    ),
    "kept up": (open_load(OFFER), usage(LAZY), By.NOTHING, "500 requests/s were offered and served"),
    "kept up with nothing": (open_load(offered(0, p99_lag_us=None)), usage(LAZY), By.NOTHING, "0 requests/s"),
    "kept up, just": (open_load(OFFER), usage([worker(0.86)]), By.SERVER, "86%"),
    "a longer and longer line": (
        open_load(OFFER, unfinished=100), usage(LAZY), By.STARVED, "20% of what was due was not served"
    ),
    "a line from before": (
        open_load(OFFER, unfinished=100).model_copy(update={"started": 600}), usage(LAZY), By.NOTHING, "served"
    ),
    "timeouts": (open_load(OFFER, errors=Errors(timeout=30)), usage(LAZY), By.STARVED, "6% of what was due"),
    "no worker known": (load(), usage([]), By.STARVED, "0%"),
    "a p50 as without load": (
        load(), waiting(1.2), By.CONNECTIONS,
        "only 40% of the CPU that it can get: with 40 connections the p50 was 1.50 ms, and an answer without load took"
        " 1.20 ms",
    ),
    "a p50 far above": (
        load(), waiting(0.5, threads=2), By.CONCURRENCY,
        "an answer without load took 0.500 ms, so about 1 of 40 was served at a time, by 2 threads",
    ),
    "a p50 neither near nor far, of a worker with time": (
        load(), waiting(0.9, threads=24), By.CONCURRENCY, "was served at a time, by 24 threads"
    ),
    "a p50 neither near nor far, of a busy worker": (
        load(), usage([worker(0.6)]).model_copy(update={"unloaded_ms": 0.9}), By.STARVED, "something else than the CPU"
    ),
    "a p50 far above, of a busy worker": (
        load(), usage(ONE).model_copy(update={"unloaded_ms": 0.5}), By.SERVER, "97%"
    ),
    "delayed ACKs": (
        answered_in(40, 44), waiting(1.0), By.ACKS,
        "51% of the answers took 39 to 47 ms, and one without load 1.00 ms",
    ),
    "in line for as long as a delayed ACK": (
        answered_in(40, 44), waiting(10.6, threads=4), By.CONCURRENCY, "was served at a time, by 4 threads"
    ),
    "answers that take 40 ms": (answered_in(40, 44), waiting(39.0), By.CONNECTIONS, "39.0 ms"),
    "answers of which few take 40 ms": (answered_in(38, 60), waiting(1.0), By.CONCURRENCY, "by 1 thread."),
    "40 ms, without load unknown": (answered_in(40, 44), waiting(), By.STARVED, "something else"),
    "delayed ACKs on one connection": (
        answered_in(40, 44).model_copy(update={"connections": 1}), waiting(1.0), By.ACKS, "51%"
    ),
    "in line for 40 ms": (answered_in(40, 44), usage(ONE).model_copy(update={"unloaded_ms": 1.0}), By.SERVER, "97%"),
    "storage": (
        load(), waiting(0.1, 0.4, disk_bytes=500 * 8 * KIB), By.DISK,
        "8.0 KiB of storage for each request, and somebody waited for storage 40% of the time",
    ),
    "storage of others": (load(), waiting(0.1, 0.9, disk_bytes=500), By.CONCURRENCY, ""),
    "storage that hardly anybody waits for": (
        load(), waiting(0.1, 0.1, disk_bytes=500 * 8 * KIB), By.CONCURRENCY, ""
    ),
    "storage, waiting unknown": (load(), waiting(disk_bytes=500 * 8 * KIB), By.DISK, "8.0 KiB"),
    "a log, waiting unknown": (load(), waiting(disk_bytes=500 * KIB), By.STARVED, "something else"),
    "threads that wait for each other": (
        load(), waiting(0.1, timeslices=10_000), By.LOCKS, "were woken 20 times for each request"
    ),
    "threads that hand requests over": (load(), waiting(0.1, timeslices=2_000), By.CONCURRENCY, ""),
    "a busy front": (
        load(), waiting(1.2, role="front"), By.PROCESS, "the front 10, haproxy, used 97% of one core"
    ),
    "a front with time left": (load(), usage([worker(0.4), worker(0.8, role="front")]), By.STARVED, "only 40%"),
    "a front whose threads take turns": (
        load(), usage([worker(0.4), worker(0.97, busiest_thread_s=0.1, role="front", program="python3.11")]),
        By.PROCESS, "97% of one core",
    ),
    "a busy service": (
        load(), beside(SERVICE), By.SERVICE, "a process of the service redis used 95% of one core"
    ),
    "a service with time left": (
        load(), beside(SERVICE.model_copy(update={"busiest_s": 0.8})), By.CONNECTIONS, "1.20 ms"
    ),
    "services are not others": (
        load(), beside(SERVICE, [0.4, 0.95, 0.0, GENERATOR_S]), By.SERVICE, "95%"
    ),
    "stopped by its limit": (load(), limited(0.2), By.LIMIT, "its limit of 0.5 cores was used up in 6 of 10 periods"),
    "hardly stopped by its limit": (load(), limited(0.001), By.STARVED, "waits for something else"),
    "a busy front, kept up": (open_load(OFFER), waiting(role="front"), By.NOTHING, "offered and served"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_limit_and_its_figures(case: str) -> None:
    load, usage, limit, why = CASES[case]
    found = diagnose(load, usage)
    assert (found.limit, why in found.why) == (limit, True), found
    assert found.why.endswith(".")
    assert not found.why.endswith("..")


def test_every_rule_is_there_for_something() -> None:
    """Each rule is the one that decides some case."""
    deciding = {
        next(rule for _, rule in RULES if rule(load, usage) is not None).__name__ for load, usage, *_ in CASES.values()
    }
    assert deciding == {rule.__name__ for _, rule in RULES}


@pytest.mark.parametrize("overflows", [0, None, 12])
def test_an_overflow_is_mentioned_whatever_the_limit(overflows: int | None) -> None:
    said = {diagnose(load(), usage(workers, overflows=overflows)).why for workers in (ONE, LAZY)}
    assert {"; 12 attempts to connect found a listen queue full." in why for why in said} == {overflows == 12}


TWO_CORES = [1.0, 1.0]
SHARED = load(cpus=[], generator_cpu_s=0.03)  # by a generator that uses 3 % of a core
GREEDY = load(cpus=[], generator_cpu_s=0.6)


@pytest.mark.parametrize(
    ("offered", "usage", "wanted"),
    [
        (SHARED, usage([worker(0.985, 0.015)] * 2, TWO_CORES), 2.03),
        (GREEDY, usage([worker(0.7, 0.3)] * 2, TWO_CORES), 2.6),
        (SHARED, usage([worker(0.49, 0.51)] * 4, TWO_CORES), 4.03),
        (SHARED, usage([worker(0.01, 0.001)] * 8, TWO_CORES), 0.118),  # which wait for something else
        (SHARED, usage([worker(0.3, 0.05)] * 4, [0.6, 0.6]), 1.43),
        (load(), usage([worker(0.75, 0.25)] * 4, FULL), 4.0),  # of three, beside the generator's own
        (load(), usage([worker(1.0)] * 3, FULL), 3.0),
        (load(), usage([worker(3.0, 30.0)], FULL), 3.0),  # one, however many threads it has
        (load(), usage([worker(1.5, 15.0)] * 2, FULL), 6.0),
        (load(cpus=[]), usage([worker(0.5, 0.5)] * 2, TWO_CORES, quota=1.0), 2.1),
        (load(cpus=[]), usage([worker(0.5, 0.5)], TWO_CORES, quota=0.6), 1.1),  # who has less than a core wants one
        (SHARED, usage([worker(0.49, None)] * 4, TWO_CORES), 4.03),  # unknown, with no core idle
        (SHARED, usage([worker(0.1, None)] * 4, [0.3, 0.3]), 0.43),
    ],
)
def test_what_is_demanded_of_the_cores(offered: LoadResult, usage: Usage, wanted: float) -> None:
    assert contention(offered, usage) * free_cores(offered, usage) == pytest.approx(wanted)
    assert server_demand(offered, usage) == pytest.approx(wanted - (0 if offered.cpus else offered.generator_cpu_s))


def test_two_workers_on_two_cores_are_no_contended_pair_beside_a_generator_that_hardly_works() -> None:
    assert contention(SHARED, usage([worker(0.985, 0.015)] * 2, TWO_CORES)) < MAX_DEMANDED
    assert contention(GREEDY, usage([worker(0.7, 0.3)] * 2, TWO_CORES)) > MAX_DEMANDED


def test_the_cpu_of_those_that_ended_unread_was_demanded_too() -> None:
    short = usage([worker(0.2)], TWO_CORES).model_copy(update={"reaped_cpu_s": 1.7})
    assert server_demand(SHARED, short) == pytest.approx(1.9)


@pytest.mark.parametrize(("program", "wanted"), [("python3.11", 1.06), ("ruby3.1", 1.06), ("java", 2.0), ("", 2.0)])
def test_threads_that_take_turns_want_no_second_core(program: str, wanted: float) -> None:
    waited = worker(1.06, run_delay_s=2.33, busiest_thread_s=0.2, busy_threads=8, program=program)
    assert server_demand(SHARED, usage([waited], TWO_CORES)) == pytest.approx(wanted)
