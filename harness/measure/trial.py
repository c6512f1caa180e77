"""One trial: launch, wait until ready, warm up, measure, stop. It always ends in a record."""

import contextlib
import enum
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from harness.generator.process import Generator, GeneratorError
from harness.load.cpus import Placement, list_usable_cpus
from harness.load.failures import describe_failures
from harness.load.result import LoadResult, Second, WindowBegan, WindowEnded
from harness.load.spec import Load
from harness.machine.clocks import Clocks
from harness.monitor import CoreSpeedProbe, Monitor
from harness.record import PlannedTrial, Role, TrialRecord, Usage
from harness.scenario import Scenario, Topology
from harness.server.launch import PortTakenError, Server, read_failure, read_log_tail
from harness.server.process_tree import ProcessTree, find_listening_processes
from harness.server.readiness import ReadyServer, wait_until_ready
from harness.server.staffing import objections
from harness.server.supervised import ServerError

MAX_PORTS: Final = 3  # tried one after the other, where other programs take them first


class Phase(enum.Enum):
    """A phase of a trial, as displays name it."""

    STARTING = "starting"
    WARMING_UP = "warming up"
    MEASURING = "measuring"
    STOPPING = "stopping"


@dataclass(frozen=True)
class Progress:
    """The state of a trial that runs. ``second`` is the newest row of its series, None where there is none yet."""

    phase: Phase
    second: Second | None = None


Watch = Callable[[Progress], None]


def run_trial(
    planned: PlannedTrial,
    scenario: Scenario,
    placement: Placement,
    log: Path,
    watch: Watch,
    known_body: str | None = None,
) -> TrialRecord:
    """Make one trial and return its record. Where the server or the generator fails, the record is a failed or an
    invalid one.

    ``watch`` is called with the state of the trial whenever it changes. ``known_body`` is the digest of the body that
    an earlier trial of the topology found to be always the same.
    """
    started_at = datetime.now(UTC)
    watch(Progress(Phase.STARTING))
    run = partial(_run_once, planned, scenario, placement, log, watch, known_body, started_at)
    try:
        return _run_on_free_port(planned.topology, run)
    except (ServerError, GeneratorError) as error:
        return TrialRecord.of_failure(planned, started_at, str(error), read_failure(log))


def _run_on_free_port(topology: Topology, run: Callable[[], TrialRecord]) -> TrialRecord:
    """Run the trial, again on another port where another program took the first between its choice and its use.
    Raises ServerError and GeneratorError."""
    for _ in range(MAX_PORTS - 1 if topology.port is None else 0):
        with contextlib.suppress(PortTakenError):
            return run()
    return run()


def _run_once(
    planned: PlannedTrial,
    scenario: Scenario,
    placement: Placement,
    log: Path,
    watch: Watch,
    known_body: str | None,
    started_at: datetime,
) -> TrialRecord:
    """Launch, measure and stop; return the record. Raises ServerError and GeneratorError."""
    with (
        Generator(placement.processes, placement.generator) as generator,
        Server(planned.topology, log, placement.server) as server,
        CoreSpeedProbe(placement.server or list_usable_cpus()) as pace,
    ):
        offer = scenario.load if planned.rate_per_s is None else scenario.load.as_open_loop(planned.rate_per_s)
        load, clocks = offer.at(server.target, planned.seed), Clocks.now()
        workers, ready_path = planned.topology.workers, scenario.load.ready_path
        ready = wait_until_ready(server, load, workers, scenario.start_timeout_s, ready_path, known_body)
        with ProcessTree(server, workers, ready.processes) as process_tree:
            monitor = Monitor(process_tree.list_alive, server.guardian_pid, pace)
            result, usage = _measure(
                server, generator, process_tree, monitor, _with_expected_body(load, ready, scenario), watch
            )
            counts, processes, roles = process_tree.workers(), process_tree.list_at_begin(), process_tree.roles()
        reasons = [
            *objections(planned.topology, counts, scenario.workers_may_change, broke=has_broken_connections(result)),
            *_describe_stops(server, roles),
            *_describe_doubts(server, result, Clocks.now().jump_since(clocks), scenario),
        ]
        watch(Progress(Phase.STOPPING))
    return TrialRecord.of_measurement(
        planned,
        started_at,
        reasons=reasons,
        log_tail=read_log_tail(log) if reasons else [],
        ready_s=ready.ready_s,
        body_bytes=ready.body_bytes,
        body_sha256=ready.body_sha256,
        processes=processes,
        worker_counts=counts,
        load=result,
        usage=usage.with_roles(roles).with_unloaded_ms(ready.unloaded_ms),
        killed=server.killed,
    )


def _measure(
    server: Server, generator: Generator, process_tree: ProcessTree, monitor: Monitor, load: Load, watch: Watch
) -> tuple[LoadResult, Usage]:
    """Offer the load, and read the server's use of the machine as the window opens, every second and at its end."""
    watch(Progress(Phase.WARMING_UP))
    server.watch()
    generator.begin(load)
    events = generator.events()
    with process_tree.look_repeatedly():
        for event in events:
            if isinstance(event, WindowBegan):
                break
            server.check_alive()
            watch(Progress(Phase.WARMING_UP, event if isinstance(event, Second) else None))
    monitor.begin()
    process_tree.begin_window()
    watch(Progress(Phase.MEASURING))
    for event in events:
        match event:
            case Second():
                monitor.sample()
            case WindowEnded():
                monitor.sample()
                usage = monitor.usage()
                process_tree.look()
            case LoadResult():
                return event, usage
        server.check_alive()
        watch(Progress(Phase.MEASURING, event if isinstance(event, Second) else None))
    raise GeneratorError("the generator ended without a result")


def has_broken_connections(result: LoadResult) -> bool:
    """Return whether connections ended before their time."""
    return result.reconnected + result.errors.read + result.errors.write + result.errors.stale > 0


def _describe_stops(server: Server, roles: Mapping[int, Role]) -> Iterator[str]:
    """Yield the processes that were stopped under load, a sentence each: they kept others waiting, or read the counters
    late."""
    names = {os.getpid(): "the harness", server.guardian_pid: "its guardian"}
    for pid, seconds in server.stopped_s().items():
        name = names.get(pid) or f"{roles.get(pid, 'process')} {pid}"
        yield f"{name} was stopped for {seconds:.1f} s"


def _describe_doubts(server: Server, result: LoadResult, jump: str | None, scenario: Scenario) -> Iterator[str]:
    """Yield every reason for which the trial does not count. ``jump`` describes a jump of the clock, if there was
    one."""
    if strangers := find_listening_processes(server)[1]:
        yield f"{', '.join(strangers)} listened on the port too"
    if result.errors.body:
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
