"""The main job, as one straight line: scenario, plan, trials, records on disk."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from harness.environment import describe_environment
from harness.generator.placement import Placement, apart, usable_cpus
from harness.plan import PlannedTrial, make_plan
from harness.record import RunFolder, RunInfo, SkippedTopology, TrialRecord
from harness.scenario import Scenario, ScenarioError, Topology
from harness.server.launch import HOST, missing_programs
from harness.trial import Progress, run_trial


class Audience(Protocol):
    """Who is told how a comparison goes."""

    def begin(self, planned: PlannedTrial) -> None:
        """A trial begins."""

    def progress(self, progress: Progress) -> None:
        """The trial goes on."""

    def end(self, record: TrialRecord) -> None:
        """The trial has ended and its record is on disk."""


def compare(scenario: Scenario, seed: int, results: Path, command: str, audience: Audience) -> Path:
    """Make every trial of the scenario; return the run folder. Ctrl-C ends it early and keeps what was measured.

    ``command`` is what repeats this run, for the record. Raises ScenarioError when nothing is left to compare and
    RunFolderError when a record can't be written.
    """
    skipped = list(skipped_topologies(scenario))
    scenario = without(scenario, skipped)
    plan, placement = make_plan(scenario, seed), place(scenario)
    info = RunInfo(
        seed=seed,
        started_at=datetime.now(UTC),
        command=command,
        trials=list(plan),
        placement=placement,
        skipped=skipped,
    )
    folder = RunFolder.create(results, info, scenario, describe_environment())
    try:
        for planned in plan:
            audience.begin(planned)
            record = run_trial(planned, scenario, placement, folder.log_path(planned.id), audience.progress)
            folder.append(record)
            audience.end(record)
    except KeyboardInterrupt:
        pass  # what is planned and not recorded was not made: reports say so
    return folder.path


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
