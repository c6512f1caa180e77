"""A round of trials, each recorded on disk: one after the other, or all together with their load in slices."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from harness.measure.observer import Observer
from harness.measure.preparation import PreparedRun
from harness.measure.testbed import Testbed
from harness.record import Interleaving, PlannedTrial, RunFolder, TrialRecord
from harness.scenario import Scenario


def make_round(
    trials: Sequence[PlannedTrial],
    interleaving: Interleaving,
    prepared: PreparedRun,
    folder: RunFolder,
    observer: Observer,
    testbed: Testbed,
) -> Iterator[TrialRecord]:
    """Make the trials of one round and yield the record of each as it was written. Raises RunFolderError when a record
    can't be written."""
    if not interleaving.has_slices(trials[0].block):
        yield from make_trials(trials, prepared, folder, observer, testbed)
        return
    for group in split_round(trials, prepared.scenario):
        yield from _make_sliced_trials(group, prepared, folder, observer, testbed)


def make_trials(
    trials: Iterable[PlannedTrial], prepared: PreparedRun, folder: RunFolder, observer: Observer, testbed: Testbed
) -> Iterator[TrialRecord]:
    """Make the trials one after the other and yield the record of each as it was written, which is on disk before the
    next begins. Raises RunFolderError when a record can't be written."""
    for planned in trials:
        observer.on_trial(planned)
        log = folder.make_log(planned.id)
        known = folder.body_sha256(planned.topology.name)
        record = testbed.run_trial(planned, prepared.scenario, prepared.placement, log, observer.on_progress, known)
        written = folder.append(record)
        observer.on_record(written)
        yield written


def split_round(trials: Iterable[PlannedTrial], scenario: Scenario) -> list[list[PlannedTrial]]:
    """Return the trials of a round that take turns: those that are compared with each other."""
    if not scenario.is_of_pairs:
        return [list(trials)]
    pair_of = {topology.name: number for number, pair in enumerate(scenario.pairs) for topology in pair}
    return [list(pair) for _, pair in groupby(trials, key=lambda planned: pair_of[planned.topology.name])]


def _make_sliced_trials(
    trials: Sequence[PlannedTrial], prepared: PreparedRun, folder: RunFolder, observer: Observer, testbed: Testbed
) -> Iterator[TrialRecord]:
    for planned in trials:
        observer.on_trial(planned)
    logs = {planned.id: folder.make_log(planned.id) for planned in trials}
    names = [planned.topology.name for planned in trials]
    known = {name: body for name in names if (body := folder.body_sha256(name)) is not None}
    for record in testbed.run_sliced_trials(
        trials, prepared.scenario, prepared.placement, logs, observer.on_progress, known
    ):
        written = folder.append(record)
        observer.on_record(written)
        yield written
