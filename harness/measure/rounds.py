"""A round of trials: one after the other, each on disk before the next begins."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from harness.doctor.check import Check
from harness.measure.preparation import PreparedRun
from harness.measure.trial import Progress, run_trial
from harness.record import PlannedTrial, RunFolder, TrialRecord


class Audience(Protocol):
    """Who is told how trials go."""

    def checked(self, checks: Sequence[Check]) -> None:
        """The machine was looked at, before the first trial."""

    def begin(self, planned: PlannedTrial) -> None:
        """A trial begins."""

    def progress(self, progress: Progress) -> None:
        """The trial goes on."""

    def end(self, record: TrialRecord) -> None:
        """The trial has ended and its record is on disk."""


def make_trials(
    trials: Iterable[PlannedTrial], prepared: PreparedRun, folder: RunFolder, audience: Audience
) -> Iterator[TrialRecord]:
    """Make them. Raises RunFolderError when a record can't be written."""
    for planned in trials:
        audience.begin(planned)
        log = folder.make_log(planned.id)
        known = folder.body_sha256(planned.topology.name)
        record = run_trial(planned, prepared.scenario, prepared.placement, log, audience.progress, known)
        written = folder.append(record)
        audience.end(written)
        yield written
