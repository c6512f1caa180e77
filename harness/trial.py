"""One trial: launch, wait until ready, warm up, measure, take the census again, stop. Always ends in a record."""

import contextlib
import enum
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from harness.clocks import Clocks
from harness.generator.load import Load
from harness.generator.placement import Placement, usable_cpus
from harness.generator.process import Generator, GeneratorError
from harness.generator.result import LoadResult, Measured, Measuring, Second
from harness.monitor import Monitor, Pace
from harness.plan import PlannedTrial
from harness.record import ServerProcess, TrialRecord, Usage
from harness.scenario import Scenario
from harness.server.census import listeners, take_census, workers_of
from harness.server.guarded import ServerError
from harness.server.launch import PortTakenError, Server, log_tail
from harness.server.readiness import Ready, wait_until_ready

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


def run_trial(planned: PlannedTrial, scenario: Scenario, placement: Placement, log: Path, watch: Watch) -> TrialRecord:
    """Make one trial. Whatever goes wrong with server or generator ends in a failed or an invalid record."""
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
        made = _on_a_free_port(planned, scenario, placement, log, watch)
    except (ServerError, GeneratorError) as error:
        return record.model_copy(update={"reason": str(error), "log_tail": log_tail(log)})
    tail = log_tail(log) if made["reason"] else []
    return record.model_copy(update={"status": "invalid" if made["reason"] else "ok", "log_tail": tail} | made)


def _on_a_free_port(
    planned: PlannedTrial, scenario: Scenario, placement: Placement, log: Path, watch: Watch
) -> dict[str, Any]:
    """What was measured; on another port where somebody else took the first between its choice and its use."""
    for _ in range(PORTS - 1 if planned.topology.port is None else 0):
        with contextlib.suppress(PortTakenError):
            return _made(planned, scenario, placement, log, watch)
    return _made(planned, scenario, placement, log, watch)


def _made(planned: PlannedTrial, scenario: Scenario, placement: Placement, log: Path, watch: Watch) -> dict[str, Any]:
    """Launch, measure and stop; return the fields of the record. Raises ServerError or GeneratorError."""
    with (
        Generator(placement.processes, placement.generator) as generator,
        Server(planned.topology, log, placement.server) as server,
        Pace(placement.server or usable_cpus()) as pace,
    ):
        offer = scenario.load if planned.rate_per_s is None else scenario.load.offered(planned.rate_per_s)
        load, clocks = offer.at(server.target, planned.seed), Clocks.now()
        workers, ready_path = planned.topology.workers, scenario.load.ready_path
        ready = wait_until_ready(server, load, workers, scenario.start_timeout_s, ready_path)
        monitor = Monitor(ready.census, pace)
        result, usage = _measure(server, generator, monitor, _checked(load, ready, scenario), watch)
        reason = _objection(server, ready, result, Clocks.now().jump_since(clocks))
        watch(Progress(Phase.STOPPING))
    return {
        "reason": reason,
        "ready_s": ready.ready_s,
        "body_bytes": ready.body_bytes,
        "body_sha256": ready.body_sha256,
        "processes": ready.census,
        "load": result,
        "usage": usage,
        "killed": server.killed,
    }


def _measure(
    server: Server, generator: Generator, monitor: Monitor, load: Load, watch: Watch
) -> tuple[LoadResult, Usage]:
    """Offer the load and read the server's use of the machine as the window opens, every second and at its end."""
    phase = Phase.WARMING_UP
    watch(Progress(phase))
    generator.begin(load)
    for event in generator.events():
        match event:
            case Measuring():
                monitor.begin()
                phase = Phase.MEASURING
            case Second() | Measured() if phase is Phase.MEASURING:
                monitor.sample()
            case LoadResult():
                return event, monitor.usage()
        server.check_alive()
        watch(Progress(phase, event if isinstance(event, Second) else None))
    raise GeneratorError("the generator ended without a result")


def _objection(server: Server, ready: Ready, result: LoadResult, jump: str | None) -> str | None:
    """Why what was measured must not be averaged in; None when there is no reason. ``jump`` is that of the clock."""
    census = take_census(server)
    reasons = _changes(workers_of(ready.census), workers_of(census))
    if strangers := listeners(server)[1]:
        reasons.append(f"{', '.join(strangers)} listened on the port too")
    if result.errors.body:
        reasons.append(f"{result.errors.body} bodies were not the one that the server sent before")
    if jump:
        reasons.append(jump)
    if not result.ok:
        reasons.append("no request got a good response")
    return "; ".join(reasons) or None


def _changes(before: list[ServerProcess], after: list[ServerProcess]) -> list[str]:
    known, found = ({(process.pid, process.born_s) for process in census} for census in (before, after))
    gone = [f"worker {pid} ended during the trial" for pid, _ in sorted(known - found)]
    return gone + [f"worker {pid} appeared during the trial" for pid, _ in sorted(found - known)]


def _checked(load: Load, ready: Ready, scenario: Scenario) -> Load:
    """The load that expects the body that the server sent before, in a sample, where one request is sent over and over
    and the scenario expects nothing else."""
    if load.expect.body_sha256 is not None or ready.body_sha256 is None or not scenario.load.is_one_request:
        return load
    expect = load.expect.model_copy(update={"body_sha256": ready.body_sha256, "every": False})
    return load.model_copy(update={"expect": expect})
