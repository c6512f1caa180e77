"""The offered load and the cores of generator and server, in words."""

from collections.abc import Iterator, Sequence

from harness.load.cpus import Placement
from harness.load.spec import Arrivals
from harness.machine.environment import Environment
from harness.record import RigRecord
from harness.report.markup import code
from harness.scenario import Scenario, ScenarioLoad
from harness.units import duration_text, rate_text


def offer_text(scenario: Scenario) -> str:
    """Return the load of every trial, as one sentence."""
    numbers = sorted({each.connections for each in scenario.topologies if each.connections is not None})
    return ", ".join(_offer(scenario.load, numbers or [scenario.load.connections])) + "."


def placement_text(
    placement: Placement, scenario: Scenario, environment: Environment, rigs: Sequence[RigRecord] = ()
) -> str:
    """Return the cores of generator and server as one sentence, with the reason where they shared them."""
    processes = "1 process" if placement.processes == 1 else f"{placement.processes} processes"
    if any(rig.generators for rig in rigs):
        return f"The server had its machine to itself; the generator ({processes}) ran on other machines."
    if placement.generator:
        return (
            f"The generator ({processes}) had {_cores_text(placement.generator)} to itself and the server"
            f" {_cores_text(placement.server)}."
        )
    cores, quota = environment.usable_cores, environment.cpu_quota_cores
    if quota is not None:
        return (
            f"Generator ({processes}) and server shared {environment.cores} cores and a CPU quota of {quota:.3g}: under"
            " a quota nobody has cores of their own."
        )
    if any(topology.workers_as_found for topology in scenario.topologies):
        return (
            f"Generator ({processes}) and server shared {cores} core{'s' if cores > 1 else ''}: how many workers would"
            " be found was not known before."
        )
    workers = max(topology.workers or 1 for topology in scenario.topologies)
    return (
        f"Generator ({processes}) and server shared {cores} core{'s' if cores > 1 else ''}:"
        f" {workers} worker{'s' if workers > 1 else ''} and the generator would need {workers + placement.processes}"
        " to have their own."
    )


def _offer(load: ScenarioLoad, connections: Sequence[int]) -> Iterator[str]:
    first = load.requests[0]
    if load.arrivals:
        yield f"Open loop: {_arrivals(load.arrivals)}, {load.connections} connections at the most"
    else:
        groups = load.threads if len(connections) == 1 else f"at most {load.threads}"
        yield f"Closed loop: {', '.join(map(str, connections))} connections in {groups} groups"
    more = len(load.requests) - 1
    others = f" and {more} other request{'s' if more > 1 else ''} by weight" if more else ""
    yield f"{code(f'{first.method} {first.path}')}{others}"
    if load.data:
        rows = len(load.data.rows)
        yield f"filled from {rows:,} row{'s' if rows > 1 else ''} of data"
    if not load.keepalive:
        yield "a new connection for every request"
    yield f"warm-up {duration_text(load.warmup_s)}"
    yield f"window {duration_text(load.duration_s)}"
    yield f"timeout {duration_text(load.timeout_s)}"


def _arrivals(arrivals: Arrivals) -> str:
    rates = [rate_text(arrivals.rate_per_s)]
    rates += [f"{rate_text(stage.rate_per_s)} in {duration_text(stage.duration_s)}" for stage in arrivals.stages]
    return f"{' → '.join(rates)} requests/s, {arrivals.kind} arrivals"


def _cores_text(cpus: tuple[int, ...]) -> str:
    return f"core{'s' if len(cpus) > 1 else ''} {', '.join(map(str, cpus))}"
