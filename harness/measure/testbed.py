"""The machine on which a run is made: its clocks, its trials, and the description of it, in one place.

What needs neither servers nor time hands another testbed to a run: tests simulate the trials (tests/rehearsal).
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from harness.doctor.check import Check
from harness.doctor.checkup import run_checkup
from harness.generator.process import Generator, start_here
from harness.load.cpus import Placement
from harness.machine.environment import Environment, describe_environment
from harness.machine.host import Host
from harness.machine.lock import exclusive_run
from harness.measure.base_and_head import prepare_side_by_side
from harness.measure.interleaving import Tried, try_slices
from harness.measure.launch import AfterWarmup
from harness.measure.observer import Observer
from harness.measure.preparation import PreparedRun, find_missing, prepare
from harness.measure.progress import Watch
from harness.measure.rounds import make_round
from harness.measure.services import open_run
from harness.measure.slices import run_sliced_trials
from harness.measure.trial import run_trial
from harness.record import (
    Fingerprint,
    Interleaving,
    PlannedTrial,
    Program,
    Revision,
    RigRecord,
    RunFolder,
    SkippedTopology,
    TrialRecord,
)
from harness.scenario import Scenario, Topology
from harness.server.fingerprint import take_fingerprint
from harness.server.programs import describe_programs
from harness.server.service import UpService


class Testbed:
    """This machine, on which one round is made after the other. Others make trials on other machines, of which several
    make rounds at once (``lanes``), or simulate them."""

    @property
    def lanes(self) -> int:
        """The number of rounds that are made at once; none where no machine is left."""
        return 1

    @classmethod
    def here(cls) -> "Testbed":
        """Return the testbed on which runs are made where none is given."""
        return Testbed()

    def exclusive_run(self) -> AbstractContextManager[None]:
        """Return a context in which no other run is made on it. Entering it raises BusyError while one is."""
        return exclusive_run()

    def prepare(self, scenario: Scenario, seed: int) -> PreparedRun:
        """Return the run of the scenario, prepared to be made: see :func:`harness.measure.preparation.prepare`."""
        return prepare(scenario, seed)

    def prepare_side_by_side(
        self, scenario: Scenario, repository: Path, sides: tuple[Revision, Revision], seed: int
    ) -> AbstractContextManager[PreparedRun]:
        """Return a context in which both commits are checked out on it: see
        :func:`harness.measure.base_and_head.prepare_side_by_side`."""
        return prepare_side_by_side(scenario, repository, sides, seed)

    def find_missing(self, scenario: Scenario) -> list[SkippedTopology]:
        """Return the topologies that can't run on it: see :func:`harness.measure.preparation.find_missing`."""
        return find_missing(scenario)

    def describe_rigs(self) -> list[RigRecord]:
        """Return the machines that make rounds, and those that generate the load; none where this one does both."""
        return []

    def now(self) -> datetime:
        """Return the date and time, in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return a clock that is never set (seconds)."""
        return time.monotonic()

    def describe_environment(self) -> Environment:
        """Return the machine and its software."""
        return describe_environment()

    def run_checkup(self, scenario: Scenario) -> list[Check]:
        """Return what may spoil measurements of the scenario."""
        return run_checkup(Host.here(), scenario)

    def describe_programs(self, scenario: Scenario) -> list[Program]:
        """Return the programs that topologies and services run, with their versions."""
        return describe_programs(scenario.topologies, scenario.services)

    def take_fingerprint(self, topologies: Sequence[Topology], programs: Sequence[Program]) -> Fingerprint:
        """Return the fingerprint of what the topologies run."""
        return take_fingerprint(topologies, programs)

    def try_slices(self, scenario: Scenario, placement: Placement) -> Tried:
        """Return what a try of slices finds."""
        return try_slices(scenario, placement, self.start_generator)

    def start_generator(self, placement: Placement) -> Generator:
        """Return a generator whose processes are being started."""
        return start_here(placement)

    def open_run(self, prepared: PreparedRun, folder: RunFolder) -> AbstractContextManager[PreparedRun]:
        """Return a context in which the services of the run are up: see :func:`harness.measure.services.open_run`."""
        return open_run(prepared, folder)

    def start_round(
        self,
        trials: Sequence[PlannedTrial],
        interleaving: Interleaving,
        prepared: PreparedRun,
        folder: RunFolder,
        observer: Observer,
    ) -> Iterable[TrialRecord]:
        """Return the records of a round, each as it was written, as they are made: when they are asked for or, where
        there are several lanes, from now on. The parameters are those of :func:`harness.measure.rounds.make_round`."""
        return make_round(trials, interleaving, prepared, folder, observer, self)

    def run_trial(
        self,
        planned: PlannedTrial,
        scenario: Scenario,
        placement: Placement,
        log: Path,
        watch: Watch,
        known_bodies: Collection[str] = frozenset(),
        services: Sequence[UpService] = (),
        after_warmup: AfterWarmup | None = None,
    ) -> TrialRecord:
        """Make one trial and return its record; the parameters are those of :func:`harness.measure.trial.run_trial`."""
        start = self.start_generator
        return run_trial(planned, scenario, placement, log, watch, known_bodies, services, after_warmup, start)

    def run_sliced_trials(
        self,
        trials: Sequence[PlannedTrial],
        scenario: Scenario,
        placement: Placement,
        logs: Mapping[str, Path],
        watch: Watch,
        known_bodies: Collection[str],
        services: Sequence[UpService] = (),
        after_warmup: AfterWarmup | None = None,
        turn_s: float | None = None,
    ) -> list[TrialRecord]:
        """Make the trials of one round together and return their records; the parameters are those of
        :func:`harness.measure.slices.run_sliced_trials`."""
        start = self.start_generator
        return run_sliced_trials(
            trials, scenario, placement, logs, watch, known_bodies, services, after_warmup, start, turn_s
        )
