"""The machine on which a run is made: its clocks, its trials, and the description of it, in one place.

What needs neither servers nor time hands another testbed to a run: tests simulate the trials (tests/rehearsal).
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from harness.doctor.check import Check
from harness.doctor.checkup import run_checkup
from harness.load.cpus import Placement
from harness.machine.environment import Environment, describe_environment
from harness.machine.host import Host
from harness.machine.lock import exclusive_run
from harness.measure.interleaving import Tried, try_slices
from harness.measure.launch import AfterWarmup
from harness.measure.progress import Watch
from harness.measure.slices import run_sliced_trials
from harness.measure.trial import run_trial
from harness.record import PlannedTrial, Program, TrialRecord
from harness.scenario import Scenario, Topology
from harness.server.programs import describe_programs
from harness.server.service import UpService


class Testbed:
    """This machine. Another testbed overrides every method."""

    @classmethod
    def here(cls) -> "Testbed":
        """Return the testbed on which runs are made where none is given."""
        return Testbed()

    def exclusive_run(self) -> AbstractContextManager[None]:
        """Return a context in which no other run is made on it. Entering it raises BusyError while one is."""
        return exclusive_run()

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

    def describe_programs(self, topologies: Sequence[Topology]) -> list[Program]:
        """Return the programs that the topologies run, with their versions."""
        return describe_programs(topologies)

    def try_slices(self, scenario: Scenario, placement: Placement) -> Tried:
        """Return what a try of slices finds."""
        return try_slices(scenario, placement)

    def run_trial(
        self,
        planned: PlannedTrial,
        scenario: Scenario,
        placement: Placement,
        log: Path,
        watch: Watch,
        known_body: str | None = None,
        services: Sequence[UpService] = (),
        after_warmup: AfterWarmup | None = None,
    ) -> TrialRecord:
        """Make one trial and return its record; the parameters are those of :func:`harness.measure.trial.run_trial`."""
        return run_trial(planned, scenario, placement, log, watch, known_body, services, after_warmup)

    def run_sliced_trials(
        self,
        trials: Sequence[PlannedTrial],
        scenario: Scenario,
        placement: Placement,
        logs: Mapping[str, Path],
        watch: Watch,
        known_bodies: Mapping[str, str],
        services: Sequence[UpService] = (),
        after_warmup: AfterWarmup | None = None,
    ) -> list[TrialRecord]:
        """Make the trials of one round together and return their records; the parameters are those of
        :func:`harness.measure.slices.run_sliced_trials`."""
        return run_sliced_trials(trials, scenario, placement, logs, watch, known_bodies, services, after_warmup)
