"""A round of trials: one after the other, each recorded on disk before the next begins."""

from collections.abc import Iterable, Iterator

from harness.measure.observer import Observer
from harness.measure.preparation import PreparedRun
from harness.measure.testbed import Testbed
from harness.record import PlannedTrial, RunFolder, TrialRecord


def make_trials(
    trials: Iterable[PlannedTrial], prepared: PreparedRun, folder: RunFolder, observer: Observer, testbed: Testbed
) -> Iterator[TrialRecord]:
    """Make the trials and yield the record of each as it was written. Raises RunFolderError when a record can't be
    written."""
    for planned in trials:
        observer.on_trial(planned)
        log = folder.make_log(planned.id)
        known = folder.body_sha256(planned.topology.name)
        record = testbed.run_trial(planned, prepared.scenario, prepared.placement, log, observer.on_progress, known)
        written = folder.append(record)
        observer.on_record(written)
        yield written
