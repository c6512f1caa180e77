"""One trial: launch, wait until ready, warm up, measure, take the census again, stop. Always ends in a record."""

import contextlib
import enum
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from harness.generator.process import Generator, GeneratorError
from harness.load.cpus import Placement, usable_cpus
from harness.load.failures import failures_text
from harness.load.result import LoadResult, Second, WindowBegan, WindowEnded
from harness.load.spec import Load
from harness.machine.clocks import Clocks
from harness.monitor import Monitor, Pace
from harness.record import PlannedTrial, Role, TrialRecord, Usage
from harness.scenario import Scenario
from harness.server.launch import PortTakenError, Server, log_tail, said_of_failure
from harness.server.process_tree import ProcessTree, listeners
from harness.server.readiness import ReadyServer, wait_until_ready
from harness.server.staffing import objections
from harness.server.supervised import ServerError

PORTS: Final = 3  # that are tried when strangers take them


class Phase(enum.Enum):
    """What a trial is doing."""

    STARTING = "starting"
    WARMING_UP = "warming up"
    MEASURING = "measuring"
    STOPPING = "stopping"


@dataclass(frozen=True)
class Progress:
    """What a trial tells while it runs; ``second`` is the newest row of the series, if there is one."""

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
    """Make one trial. Whatever goes wrong with server or generator ends in a failed or an invalid record.

    ``known_body`` is the digest of the body that an earlier trial of the topology found to be always the same.
    """
    record = TrialRecord(
        trial=planned.id,
        block=planned.block,
        position=planned.position,
        topology=planned.topology.name,
        workers=planned.topology.workers,
        rate_per_s=planned.rate_per_s,
        status="failed",
        started_at=datetime.now(UTC),
    )
    watch(Progress(Phase.STARTING))
    try:
        made = _on_a_free_port(planned, scenario, placement, log, watch, known_body)
    except (ServerError, GeneratorError) as error:
        return record.model_copy(update={"reason": str(error), "log_tail": said_of_failure(log)})
    tail = log_tail(log) if made["reason"] else []
    return record.model_copy(update={"status": "invalid" if made["reason"] else "ok", "log_tail": tail} | made)


def _on_a_free_port(
    planned: PlannedTrial, scenario: Scenario, placement: Placement, log: Path, watch: Watch, known_body: str | None
) -> dict[str, Any]:
    """What was measured; on another port where somebody else took the first between its choice and its use."""
    for _ in range(PORTS - 1 if planned.topology.port is None else 0):
        with contextlib.suppress(PortTakenError):
            return _made(planned, scenario, placement, log, watch, known_body)
    return _made(planned, scenario, placement, log, watch, known_body)


def _made(
    planned: PlannedTrial, scenario: Scenario, placement: Placement, log: Path, watch: Watch, known_body: str | None
) -> dict[str, Any]:
    """Launch, measure and stop; return the fields of the record. Raises ServerError or GeneratorError."""
    with (
        Generator(placement.processes, placement.generator) as generator,
        Server(planned.topology, log, placement.server) as server,
        Pace(placement.server or usable_cpus()) as pace,
    ):
        offer = scenario.load if planned.rate_per_s is None else scenario.load.offered(planned.rate_per_s)
        load, clocks = offer.at(server.target, planned.seed), Clocks.now()
        workers, ready_path = planned.topology.workers, scenario.load.ready_path
        ready = wait_until_ready(server, load, workers, scenario.start_timeout_s, ready_path, known_body)
        with ProcessTree(server, workers, ready.census) as census:
            monitor = Monitor(census.alive, server.guardian_pid, pace)
            result, usage = _measure(server, generator, census, monitor, _checked(load, ready, scenario), watch)
            counts, processes, roles = census.workers(), census.at_begin(), census.roles()
        reasons = [
            *objections(planned.topology, counts, scenario.workers_may_change, broke=broke(result)),
            *_stops(server, roles),
            *_doubts(server, result, Clocks.now().jump_since(clocks), scenario),
        ]
        watch(Progress(Phase.STOPPING))
    return {
        "reason": "; ".join(reasons) or None,
        "ready_s": ready.ready_s,
        "body_bytes": ready.body_bytes,
        "body_sha256": ready.body_sha256,
        "processes": processes,
        "worker_counts": counts,
        "load": result,
        "usage": _with_roles(usage, roles).model_copy(update={"unloaded_ms": ready.unloaded_ms}),
        "killed": server.killed,
    }


def _measure(
    server: Server, generator: Generator, census: ProcessTree, monitor: Monitor, load: Load, watch: Watch
) -> tuple[LoadResult, Usage]:
    """Offer the load, and read the server's use of the machine as the window opens, every second and at its end."""
    watch(Progress(Phase.WARMING_UP))
    server.watch()
    generator.begin(load)
    events = generator.events()
    with census.looking():
        for event in events:
            if isinstance(event, WindowBegan):
                break
            server.check_alive()
            watch(Progress(Phase.WARMING_UP, event if isinstance(event, Second) else None))
    monitor.begin()
    census.begin_window()
    watch(Progress(Phase.MEASURING))
    for event in events:
        match event:
            case Second():
                monitor.sample()
            case WindowEnded():
                monitor.sample()
                usage = monitor.usage()
                census.look()
            case LoadResult():
                return event, usage
        server.check_alive()
        watch(Progress(Phase.MEASURING, event if isinstance(event, Second) else None))
    raise GeneratorError("the generator ended without a result")


def broke(result: LoadResult) -> bool:
    """Return whether connections ended before their time."""
    return result.reconnected + result.errors.read + result.errors.write + result.errors.stale > 0


def _stops(server: Server, roles: Mapping[int, Role]) -> Iterator[str]:
    """Give who was stopped under load, and so kept others waiting, or read the counters late."""
    names = {os.getpid(): "the harness", server.guardian_pid: "its guardian"}
    for pid, seconds in server.stopped_s().items():
        name = names.get(pid) or f"{roles.get(pid, 'process')} {pid}"
        yield f"{name} was stopped for {seconds:.1f} s"


def _doubts(server: Server, result: LoadResult, jump: str | None, scenario: Scenario) -> Iterator[str]:
    """Give every reason not to average in what was measured. ``jump`` is that of the clock."""
    if strangers := listeners(server)[1]:
        yield f"{', '.join(strangers)} listened on the port too"
    if result.errors.body:
        yield f"{result.errors.body} bodies were not {_expected_body(scenario)}"
    if jump:
        yield jump
    if not result.ok:
        yield f"no request got a good response: {failures_text(result)}"


def _expected_body(scenario: Scenario) -> str:
    return "the one that the server sent before" if scenario.load.expect.wants_same_body else "as expected"


def _with_roles(usage: Usage, roles: Mapping[int, Role]) -> Usage:
    """Return the usage with the roles that the whole of the trial showed."""
    processes = [used.model_copy(update={"role": roles.get(used.pid, used.role)}) for used in usage.processes]
    return usage.model_copy(update={"processes": processes})


def _checked(load: Load, ready: ReadyServer, scenario: Scenario) -> Load:
    """The load that expects the body that the server sent before, in a sample, where one request is sent over and over
    and the scenario wishes for that."""
    if not load.expect.wants_same_body or ready.body_sha256 is None or not scenario.load.is_one_request:
        return load
    return load.model_copy(update={"expect": load.expect.with_body(ready.body_sha256)})
