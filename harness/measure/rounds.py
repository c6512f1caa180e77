"""A round of trials, each recorded on disk: one after the other, or all together with their load in slices."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from harness.measure.observer import Observer
from harness.measure.preparation import PreparedRun
from harness.measure.services import call_hook, choose_after_warmup, find_ended_service, open_services
from harness.record import Interleaving, PlannedTrial, RunFolder, TrialRecord
from harness.scenario import Scenario
from harness.server.supervised import ServerError

if TYPE_CHECKING:  # it makes rounds, which make their trials on it
    from harness.measure.testbed import Testbed


def make_round(
    trials: Sequence[PlannedTrial],
    interleaving: Interleaving,
    prepared: PreparedRun,
    folder: RunFolder,
    observer: Observer,
    testbed: "Testbed",
) -> Iterator[TrialRecord]:
    """Make the trials of one round beside the services of the round: together, or one after the other, each between its
    hooks. Yield the record of each as it was written, which is on disk before the next whole trial begins. Raises
    RunFolderError when a record can't be written."""
    has_slices = interleaving.has_slices(trials[0].block)
    make = partial(_make_slices, turn_s=interleaving.turn_s) if has_slices else _make_trials
    return _beside_services(make, trials, prepared, folder, observer, testbed)


def _beside_services(
    make: Callable[..., Iterator[TrialRecord]],
    trials: Sequence[PlannedTrial],
    prepared: PreparedRun,
    folder: RunFolder,
    observer: Observer,
    testbed: "Testbed",
) -> Iterator[TrialRecord]:
    """Make the trials of a round beside its services. Where one of these fails, so do the trials."""
    made = set[str]()
    try:
        with open_services("round", prepared, folder) as up:
            for record in make(trials, up, folder, observer, testbed):
                made.add(record.trial)
                yield record
    except ServerError as error:
        for planned in trials:
            if planned.id not in made:
                failed = TrialRecord.of_failure(planned, testbed.now(), str(error), [])
                yield _write(failed, folder, observer)


def _make_trials(
    trials: Sequence[PlannedTrial], prepared: PreparedRun, folder: RunFolder, observer: Observer, testbed: "Testbed"
) -> Iterator[TrialRecord]:
    for planned in trials:
        observer.on_trial(planned)
        yield _write(_make_trial(planned, prepared, folder, observer, testbed), folder, observer)


def _make_slices(
    trials: Sequence[PlannedTrial],
    prepared: PreparedRun,
    folder: RunFolder,
    observer: Observer,
    testbed: "Testbed",
    turn_s: float | None,
) -> Iterator[TrialRecord]:
    for group in split_round(trials, prepared.scenario):
        for planned in group:
            observer.on_trial(planned)
        logs = {planned.id: folder.make_log(planned.id) for planned in group}
        after_warmup = choose_after_warmup(prepared, folder)
        records = testbed.run_sliced_trials(
            group,
            prepared.scenario,
            prepared.placement,
            logs,
            observer.on_progress,
            folder.known_bodies,
            prepared.services,
            after_warmup,
            turn_s,
        )
        ended = find_ended_service(prepared)
        for record in records:
            yield _write(record.with_objection(ended) if ended else record, folder, observer)


def _make_trial(
    planned: PlannedTrial, prepared: PreparedRun, folder: RunFolder, observer: Observer, testbed: "Testbed"
) -> TrialRecord:
    """Make a trial. Where a service or a hook before it fails, its record is a failed one, and where the hook after it
    does, an invalid one."""
    name, began_at = planned.topology.name, testbed.now()
    log, known = folder.make_log(planned.id), folder.known_bodies
    record = None
    try:
        with open_services("trial", prepared, folder) as up:
            call_hook("before_trial", up, folder, name)
            after_warmup = choose_after_warmup(up, folder)
            record = testbed.run_trial(
                planned, up.scenario, up.placement, log, observer.on_progress, known, up.services, after_warmup
            )
            stopped = {event.stop for event in up.scenario.events}
            if ended := find_ended_service(up, stopped):
                record = record.with_objection(ended)
            call_hook("after_trial", up, folder, name)
    except ServerError as error:
        if record is None:
            return TrialRecord.of_failure(planned, began_at, str(error), [])
        return record.with_objection(str(error))
    return record


def _write(record: TrialRecord, folder: RunFolder, observer: Observer) -> TrialRecord:
    written = folder.append(record)
    observer.on_record(written)
    return written


def split_round(trials: Iterable[PlannedTrial], scenario: Scenario) -> list[list[PlannedTrial]]:
    """Return the trials of a round that take turns: those that are compared with each other."""
    group_of = {topology.name: number for number, group in enumerate(scenario.groups) for topology in group}
    return [list(group) for _, group in groupby(trials, key=lambda planned: group_of[planned.topology.name])]
