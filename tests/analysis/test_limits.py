"""What limited a trial, by its figures."""

from typing import Any

import pytest

from harness.analysis.limits import RULES, Limit, free_cores, is_oversubscribed, limit_of
from harness.generator.placement import Placement
from harness.generator.result import Doubt, Errors, LoadResult, Offered
from harness.record import CoreUsage, MachineUsage, ProcessUsage, Usage
from tests.made_runs import load_result, offered

BUSY_LOOP = Doubt(kind="busy", what="the loop was busy 97% of the time.", advice="Use more processes.")
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
    cpu_s: float, run_delay_s: float | None = 0.0, busiest_thread_s: float | None = None, pid: int = 10
) -> ProcessUsage:
    """A worker that ran for this long in one second, unless told otherwise in one thread."""
    return ProcessUsage(
        pid=pid,
        role="worker",
        user_s=cpu_s,
        system_s=0.0,
        run_delay_s=run_delay_s,
        busiest_thread_s=cpu_s if busiest_thread_s is None else busiest_thread_s,
        rss_bytes=2**25,
        voluntary_switches=0,
        involuntary_switches=0,
    )


def usage(
    workers: list[ProcessUsage],
    busy_s: list[float] | None = None,
    steal_s: float = 0.0,
    irq_s: float = 0.0,
    overflows: int | None = 0,
    pressure_s: float | None = None,
) -> Usage:
    """One second on four cores, of which the workers have the first ones and the generator the last, or as told."""
    used_s = [worker.cpu_s for worker in workers][:3]
    busy_s = busy_s or [*used_s, *[0.0] * (3 - len(used_s)), GENERATOR_S]
    cores = [
        CoreUsage(cpu=cpu, busy_s=busy, irq_s=irq_s, idle_s=1.0 - busy - steal_s, steal_s=steal_s)
        for cpu, busy in enumerate(busy_s)
    ]
    machine = MachineUsage(cores=cores, pressure_s=pressure_s, listen_overflows=overflows, listen_drops=overflows)
    return Usage(window_s=1.0, processes=workers, machine=machine, pace_us=None, series=[])


ONE = [worker(0.97)]
LAZY = [worker(0.4)]
IDLE_ELSEWHERE = [0.97, 0.0, 0.0, GENERATOR_S]
CROWD = [worker(0.75, run_delay_s=0.25, pid=pid) for pid in range(4)]  # on three cores
FULL = [1.0, 1.0, 1.0, GENERATOR_S]
OFFER = offered(500)

CASES: dict[str, tuple[LoadResult, Usage, Limit, str]] = {
    "a saturated worker": (load(), usage(ONE), Limit.SERVER, "the worker used 97% of the CPU"),
    "three busy workers": (load(), usage([worker(0.9)] * 3), Limit.SERVER, "the 3 workers used 90%"),
    "one busy worker": (
        load(), usage([worker(0.97), worker(0.1), worker(0.2)]), Limit.SERVER,
        "one worker used 97% of the CPU that it can get, the others 15%",
    ),
    "nearly busy": (load(), usage([worker(0.84)]), Limit.STARVED, "only 84%"),
    "waits for something else": (load(), usage(LAZY), Limit.STARVED, "waits for something else than the CPU"),
    "one connection": (load(connections=1), usage(ONE), Limit.STARVED, "1 connection for 1 worker"),
    "one connection and a lazy worker": (load(connections=1), usage(LAZY), Limit.STARVED, "1 connection"),
    "two connections": (load(connections=2), usage(ONE), Limit.SERVER, "97%"),
    "five for three": (load(connections=5), usage([worker(0.9)] * 3), Limit.STARVED, "5 connections for 3 workers"),
    "one connection, open": (open_load(OFFER, connections=1), usage(LAZY), Limit.NOTHING, "offered and served"),
    "doubts come first": (load(doubts=[BUSY_LOOP], connections=1), usage(CROWD, FULL), Limit.GENERATOR, "busy 97%"),
    "a hog beside the generator": (
        load(), usage(ONE, [0.97, 0.0, 0.0, 1.0]), Limit.GENERATOR, "90% of the generator's own 1 core"
    ),
    "a little beside the generator": (load(), usage(ONE, [0.97, 0.0, 0.0, 0.45]), Limit.SERVER, "97%"),
    "a hog, no core of its own": (
        load(cpus=[]), usage(ONE, [0.97, 0.0, 0.0, 1.0]), Limit.MACHINE, "others than the server and the generator"
    ),
    "a hog elsewhere": (load(), usage(ONE, [0.97, 0.92, 0.0, GENERATOR_S]), Limit.MACHINE, "23% of the 4 cores"),
    "interrupts are no others": (load(), usage(ONE, [0.97, 0.5, 0.4, 0.2], irq_s=0.3), Limit.SERVER, "97%"),
    "stolen time": (load(), usage(ONE, IDLE_ELSEWHERE, steal_s=0.03), Limit.MACHINE, "withheld 3% of the 4 cores"),
    "little stolen time": (load(), usage(ONE, IDLE_ELSEWHERE, steal_s=0.02), Limit.SERVER, "97%"),
    "more workers than cores": (
        load(), usage(CROWD, FULL), Limit.MACHINE,
        "0% of the 3 cores for the server was idle, and it waited for one 25% of the time",
    ),
    "the generator's idle core is no help": (load(), usage(CROWD, [1.0, 1.0, 1.0, 0.1]), Limit.MACHINE, "3 cores"),
    "all cores taken, no waiting": (load(), usage([worker(0.98)] * 3), Limit.SERVER, "the 3 workers used 98%"),
    "waiting beside idle cores": (
        load(), usage([worker(0.5, run_delay_s=0.3)], [0.5, 0.2, 0.2, 0.1]), Limit.STARVED, "50%"
    ),
    "a crowd, waiting unknown": (
        load(), usage([worker(0.75, run_delay_s=None)] * 4, FULL), Limit.MACHINE, "was idle, for 4 workers"
    ),
    "a crowd by the pressure": (
        load(), usage([worker(0.98, run_delay_s=None)] * 3, FULL, pressure_s=0.4), Limit.MACHINE, "waited for one 40%"
    ),
    "no crowd by the pressure": (
        load(), usage([worker(0.98, run_delay_s=None)] * 4, FULL, pressure_s=0.05), Limit.SERVER, "the 4 workers used"
    ),
    "no crowd, waiting unknown": (load(), usage([worker(0.98, run_delay_s=None)] * 3), Limit.SERVER, "98%"),
    "helper threads beside a saturated one": (
        load(), usage([worker(1.3, busiest_thread_s=0.99)]), Limit.SERVER, "99%"
    ),
    "threads that take turns": (load(), usage([worker(0.99, busiest_thread_s=0.3)]), Limit.SERVER, "99%"),
    "threads on several cores": (
        load(), usage([worker(1.5, busiest_thread_s=0.4)], [0.5, 0.5, 0.5, 0.1]), Limit.STARVED, "50%"
    ),
    "threads on all cores": (
        load(), usage([worker(2.85, busiest_thread_s=0.96)], [0.95, 0.95, 0.95, 0.1]), Limit.SERVER, "96%"
    ),
    "kept up": (open_load(OFFER), usage(LAZY), Limit.NOTHING, "500 requests/s were offered and served"),
    "kept up with nothing": (open_load(offered(0, p99_lag_us=None)), usage(LAZY), Limit.NOTHING, "0 requests/s"),
    "kept up, just": (open_load(OFFER), usage([worker(0.86)]), Limit.SERVER, "86%"),
    "a longer and longer line": (
        open_load(OFFER, unfinished=100), usage(LAZY), Limit.STARVED, "20% of what was due was not served"
    ),
    "a line from before": (
        open_load(OFFER, unfinished=100).model_copy(update={"started": 600}), usage(LAZY), Limit.NOTHING, "served"
    ),
    "timeouts": (open_load(OFFER, errors=Errors(timeout=30)), usage(LAZY), Limit.STARVED, "6% of what was due"),
    "no worker known": (load(), usage([]), Limit.STARVED, "0%"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_limit_and_its_figures(case: str) -> None:
    load, usage, limit, why = CASES[case]
    found = limit_of(load, usage)
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
    said = {limit_of(load(), usage(workers, overflows=overflows)).why for workers in (ONE, LAZY)}
    assert {"; 12 attempts to connect found a listen queue full." in why for why in said} == {overflows == 12}


@pytest.mark.parametrize(
    ("workers", "processes", "cores", "more"), [(1, 1, 1, True), (1, 1, 2, False), (2, 1, 2, True), (4, 2, 6, False)]
)
def test_more_busy_workers_than_the_generator_leaves_cores(
    workers: int, processes: int, cores: int, more: bool
) -> None:
    free = free_cores(Placement(processes=processes), cores)
    assert is_oversubscribed(workers, busy_cores=0.9 * workers, cores=free) == more


@pytest.mark.parametrize(("busy_cores", "compete"), [(0.1, False), (1.0, False), (1.1, True), (2.0, True)])
def test_workers_that_wait_do_not_compete_for_cores(busy_cores: float, compete: bool) -> None:
    """Eight of them on two free cores."""
    assert is_oversubscribed(8, busy_cores, cores=2) == compete
