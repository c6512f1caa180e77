"""A topology that is up and ready to be measured, with its generator and all that observes it."""

import contextlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from harness.generator.process import Generator, StartGenerator
from harness.load.cpus import Placement
from harness.load.failures import describe_failures
from harness.load.result import LoadResult
from harness.load.spec import Load
from harness.machine.clocks import Clocks
from harness.monitor import CoreSpeedProbe, Monitor
from harness.monitor.holdings import resolve_addresses
from harness.record import (
    Allocator,
    EventRecord,
    PlannedTrial,
    Role,
    ServerProcess,
    Slice,
    TrialRecord,
    Usage,
    WorkerCounts,
)
from harness.scenario import Scenario
from harness.server.allocator import read_allocator
from harness.server.launch import PortTakenError, Server, read_log_tail
from harness.server.process_tree import ProcessTree, find_listening_processes
from harness.server.readiness import ReadyServer, wait_until_ready
from harness.server.service import UpService, values_of
from harness.server.staffing import objections

AfterWarmup = Callable[[str], None]  # given the topology's name, while nothing is asked of it
MAX_PORTS: Final = 3  # tried one after the other, where other programs take them first


@dataclass(frozen=True)
class Examination:
    """The state of a launch after its load: the reasons why it does not count, its processes and their roles."""

    reasons: tuple[str, ...]
    worker_counts: WorkerCounts
    processes: tuple[ServerProcess, ...]
    roles: Mapping[int, Role]


@dataclass(frozen=True)
class LaunchedTopology:
    """One launch of a topology, which answers. ``load`` is what is to be offered to it."""

    planned: PlannedTrial
    scenario: Scenario
    started_at: datetime
    log: Path
    clocks: Clocks
    placement: Placement
    generator: Generator
    server: Server
    process_tree: ProcessTree
    monitor: Monitor
    ready: ReadyServer
    allocator: Allocator | None
    load: Load
    services: Sequence[UpService] = ()

    def examine(self, result: LoadResult, is_in_turns: bool = False) -> Examination:
        """Return the state of it after its load, while it is still up. What events of the scenario do to its workers,
        and to the bodies, is no reason against the trial: it is what is measured. A server that takes turns is stopped
        between them. Raises ServerError."""
        counts, roles = self.process_tree.workers(), self.process_tree.roles()
        before = self.process_tree.workers_before_event() if self.scenario.events else counts
        broke = not self.scenario.events and has_broken_connections(result)
        jump = Clocks.now().jump_since(self.clocks)
        reasons = (
            *objections(self.planned.topology, before, self.scenario.workers_may_change, broke),
            *self.server.describe_oom_kills(),
            *_describe_stops(self.server, roles, may_stop=bool(self.scenario.events) or is_in_turns),
            *_describe_doubts(self.server, result, jump, self.scenario),
        )
        return Examination(reasons, counts, tuple(self.process_tree.list_at_begin()), roles)

    def record(
        self,
        examined: Examination,
        result: LoadResult,
        usage: Usage,
        slices: Sequence[Slice] = (),
        events: Sequence[EventRecord] = (),
    ) -> TrialRecord:
        """Return the record of the trial, after the launch was stopped. Where the load came from other machines, the
        time of an answer without load, which was asked for on this one, has the way to them added."""
        quickest_ms = self.ready.unloaded_ms
        unloaded_ms = None if quickest_ms is None else quickest_ms + result.round_trip_ms
        return TrialRecord.of_measurement(
            self.planned,
            self.started_at,
            reasons=examined.reasons,
            log_tail=read_log_tail(self.log) if examined.reasons else [],
            ready_s=self.ready.ready_s,
            ready_cpu_s=self.ready.ready_cpu_s,
            body_bytes=self.ready.body_bytes,
            body_sha256=self.ready.body_sha256,
            processes=list(examined.processes),
            worker_counts=examined.worker_counts,
            load=result,
            usage=usage.with_roles(examined.roles).with_unloaded_ms(unloaded_ms),
            killed=self.server.killed,
            allocator=self.allocator,
            slices=slices,
            events=events,
        )


@contextlib.contextmanager
def launch_topology(
    planned: PlannedTrial,
    scenario: Scenario,
    placement: Placement,
    log: Path,
    known_bodies: Collection[str],
    core_speed: CoreSpeedProbe,
    services: Sequence[UpService],
    start_generator: StartGenerator,
    started_at: datetime,
) -> Iterator[LaunchedTopology]:
    """Launch a topology and wait until it is ready; stop it on leaving. Raises ServerError and GeneratorError."""
    topology = planned.topology
    with (
        start_generator(placement) as generator,
        Server(topology, log, placement.server, values_of(services)) as server,
    ):
        own = scenario.load_of(topology)
        offer = own if planned.rate_per_s is None else own.as_open_loop(planned.rate_per_s)
        load, clocks = offer.at(server.target, planned.seed), Clocks.now()
        timeout_s, ready_path = scenario.start_timeout_s, scenario.load.ready_path
        ready = wait_until_ready(server, load, topology.workers, timeout_s, ready_path, known_bodies)
        addresses = {address: each.name for each in services for address in resolve_addresses(*each.place)}
        roots = {each.name: each.root_pid for each in services if each.root_pid is not None}
        with ProcessTree(server, topology.workers, ready.processes) as process_tree:
            yield LaunchedTopology(
                planned,
                scenario,
                started_at,
                log,
                clocks,
                placement,
                generator,
                server,
                process_tree,
                Monitor(process_tree.list_alive, server.guardian_pid, core_speed, roots, server.limits, addresses),
                ready,
                read_allocator(ready.processes),
                _with_expected_body(load, ready, scenario),
                services,
            )


def enter_on_free_port(
    stack: ExitStack, planned: PlannedTrial, launch: Callable[[], AbstractContextManager[LaunchedTopology]]
) -> LaunchedTopology:
    """Launch, again on another port where another program took the first between its choice and its use. The launch is
    stopped with the stack. Raises ServerError and GeneratorError."""
    for _ in range(MAX_PORTS - 1 if planned.topology.port is None else 0):
        with contextlib.suppress(PortTakenError):
            return stack.enter_context(launch())
    return stack.enter_context(launch())


def has_broken_connections(result: LoadResult) -> bool:
    """Return whether connections ended before their time."""
    return result.reconnected + result.errors.read + result.errors.write + result.errors.stale > 0


def _describe_stops(server: Server, roles: Mapping[int, Role], may_stop: bool) -> Iterator[str]:
    """Yield the processes that were stopped under load, a sentence each: they kept others waiting, or read the counters
    late. Those of the server ``may_stop`` by an event, or between turns."""
    names = {os.getpid(): "the harness", server.guardian_pid: "its guardian"}
    for pid, seconds in server.stopped_s().items():
        name = names.get(pid) or f"{roles.get(pid, 'process')} {pid}"
        if pid in names or not may_stop:
            yield f"{name} was stopped for {seconds:.1f} s"


def _describe_doubts(server: Server, result: LoadResult, jump: str | None, scenario: Scenario) -> Iterator[str]:
    """Yield every reason for which the trial does not count. ``jump`` describes a jump of the clock, if there was
    one."""
    if strangers := find_listening_processes(server)[1]:
        yield f"{', '.join(strangers)} listened on the port too"
    if result.errors.body and not scenario.events:
        yield f"{result.errors.body} bodies were not {_expected_body(scenario)}"
    if jump:
        yield jump
    if not result.ok:
        yield f"no request got a good response: {describe_failures(result)}"


def _expected_body(scenario: Scenario) -> str:
    return "the one that the server sent before" if scenario.load.expect.wants_same_body else "as expected"


def _with_expected_body(load: Load, ready: ReadyServer, scenario: Scenario) -> Load:
    """Return the load with the check, on a sample, that the body is the one that the server sent before. The load stays
    as it is where requests differ, or the scenario does not wish for the check."""
    if not load.expect.wants_same_body or ready.body_sha256 is None or not scenario.load.is_one_request:
        return load
    return load.with_expectation(load.expect.with_body(ready.body_sha256))
