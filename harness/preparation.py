"""From the scenario to what can be run here: without topologies whose programs are missing, planned and placed."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

from harness.generator.placement import Placement, apart, usable_cpus
from harness.plan import PlannedTrial, make_plan
from harness.record import SkippedTopology
from harness.scenario import Scenario, ScenarioError, Topology
from harness.server.launch import HOST, missing_programs


@dataclass(frozen=True)
class Prepared:
    """A comparison that can begin: ``scenario`` holds what is left of it when ``skipped`` is taken out."""

    scenario: Scenario
    skipped: list[SkippedTopology]
    seed: int
    plan: tuple[PlannedTrial, ...]
    placement: Placement


def prepare(scenario: Scenario, seed: int) -> Prepared:
    """Raises ScenarioError when nothing is left to compare, or when a fixed port is taken."""
    skipped = list(skipped_topologies(scenario))
    scenario = without(scenario, skipped)
    return Prepared(scenario, skipped, seed, make_plan(scenario, seed), place(scenario))


def skipped_topologies(scenario: Scenario) -> Iterator[SkippedTopology]:
    """The topologies whose programs are not on this machine, with what to install."""
    for topology in scenario.topologies:
        if missing := missing_programs(topology):
            reason = f"{', '.join(missing)} not found on PATH; install {' and '.join(missing)}"
            yield SkippedTopology(name=topology.name, reason=reason)


def without(scenario: Scenario, skipped: list[SkippedTopology]) -> Scenario:
    """The scenario less what can't be run here. Raises ScenarioError when that leaves nothing to compare."""
    names = {topology.name for topology in skipped}
    left = [topology.name for topology in scenario.topologies if topology.name not in names]
    if len(left) < min(2, len(scenario.topologies)):
        reasons = "; ".join(f"{topology.name}: {topology.reason}" for topology in skipped)
        raise ScenarioError(f"{scenario.name}: nothing left to compare ({reasons})")
    scenario = scenario.only(left)
    for topology in scenario.topologies:
        _check_fixed_port(topology)
    return scenario


def place(scenario: Scenario) -> Placement:
    """Where generator and server run: the same for all topologies, or where they run would be compared too.

    ``auto`` processes are as many as there are cores that the largest topology leaves free, and one at the least.
    """
    cpus, workers = usable_cpus(), max(topology.workers or 1 for topology in scenario.topologies)
    asked, most = scenario.load.processes, min(len(cpus) - workers, scenario.load.connections)
    return apart(cpus, max(1, most) if asked == "auto" else asked, workers)


def _check_fixed_port(topology: Topology) -> None:
    if topology.port is None:
        return
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((HOST, topology.port))
        except OSError as error:
            raise ScenarioError(f"{topology.name}: port {topology.port} of {HOST}: {error.strerror}") from error
