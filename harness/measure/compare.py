"""The main job, as one straight line: plan, trials, records on disk, until the plan ends or the verdicts are sure."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from harness.analysis.comparison import compare_topologies, is_sure
from harness.analysis.gates import are_open
from harness.analysis.noise import newest_floor
from harness.analysis.trials import valid_trials
from harness.doctor.checkup import checkup
from harness.machine.environment import describe_environment
from harness.machine.host import Host
from harness.machine.lock import exclusive_run
from harness.measure.observer import Observer
from harness.measure.preparation import PreparedRun
from harness.measure.rounds import make_trials
from harness.record import EndReason, Run, RunFolder, RunInfo, TrialRecord
from harness.scenario import Scenario
from harness.server.fingerprint import take_fingerprint
from harness.server.programs import describe_programs
from harness.stats.sequential import SINGLE_LOOK, InterimLooks, looks_until


def compare(prepared: PreparedRun, results: Path, command: str, observer: Observer) -> Path:
    """Make the trials of the plan; return the run folder. Ctrl-C ends it early and keeps what was measured.

    ``command`` is what repeats this run, for the record. Raises RunFolderError when a record can't be written, and
    BusyError, before anything is, while another comparison runs on this machine.
    """
    with exclusive_run():
        return _compare(prepared, results, command, observer)


def _compare(prepared: PreparedRun, results: Path, command: str, observer: Observer) -> Path:
    scenario, environment, checks = prepared.scenario, describe_environment(), checkup(Host.here(), prepared.scenario)
    observer.on_checks(checks)
    looks = SINGLE_LOOK if scenario.rounds is not None else looks_until(prepared.plan[-1].block)
    info = RunInfo(
        seed=prepared.seed,
        started_at=datetime.now(UTC),
        command=command,
        trials=list(prepared.plan),
        looks=looks.after,
        placement=prepared.placement,
        skipped=prepared.skipped,
        noise=newest_floor(results, scenario, environment),
        checks=checks,
        revisions=list(prepared.revisions),
        programs=describe_programs(scenario.topologies),
    )
    # Two commits are not gone on with: their checkouts are gone by then.
    fingerprint = None if prepared.revisions else take_fingerprint(scenario.topologies, info.programs)
    folder = RunFolder.create(results, info, scenario, environment, fingerprint)
    return _to_the_end(prepared, looks, folder, ResumedFrom([], 0.0), observer)


def resume(run: Run, prepared: PreparedRun, observer: Observer) -> Path:
    """Make the trials that an interrupted run still lacks, by its own plan; return its folder.

    ``prepared`` is what :func:`harness.measure.preparation.prepare_again` made of it. Raises RunFolderError as above.
    """
    made_s = (run.records[-1].started_at - run.info.started_at).total_seconds() if run.records else 0.0
    with exclusive_run():
        return _to_the_end(
            prepared, InterimLooks(run.info.looks), RunFolder.reopen(run), ResumedFrom(run.records, made_s), observer
        )


@dataclass(frozen=True)
class ResumedFrom:
    """What was measured before, and how long that took."""

    records: list[TrialRecord]
    elapsed_s: float


def _to_the_end(
    prepared: PreparedRun, looks: InterimLooks, folder: RunFolder, made: ResumedFrom, observer: Observer
) -> Path:
    try:
        reason = _measure(prepared, looks, folder, made, observer)
    except KeyboardInterrupt:
        reason = "interrupted"  # what is planned and not recorded was not made: reports say so
    folder.end(reason)
    return folder.path


def _measure(
    prepared: PreparedRun, looks: InterimLooks, folder: RunFolder, made: ResumedFrom, observer: Observer
) -> EndReason:
    """Round after round; each ends with a look at the verdicts, and may be the last for one of two reasons."""
    scenario, records, began_s = prepared.scenario, list(made.records), time.monotonic() - made.elapsed_s
    recorded = {record.trial for record in records}
    for block, planned in groupby(prepared.plan, key=lambda planned: planned.block):
        trials = [trial for trial in planned if trial.id not in recorded]
        if not trials:
            continue
        if scenario.rounds is None and _would_overrun(scenario, block - 1, time.monotonic() - began_s):
            return "out of time"
        records += make_trials(trials, prepared, folder, observer)
        comparisons = compare_topologies(scenario, looks, records)
        observer.on_comparisons(block, comparisons)
        if (
            scenario.rounds is None
            and block in looks.after
            and is_sure(comparisons, scenario, _expected(scenario, records))
            and not are_open(scenario.gate.gates, comparisons)
        ):
            return "sure"
    return "all rounds" if scenario.rounds is not None else "out of time"


def _would_overrun(scenario: Scenario, rounds: int, elapsed_s: float) -> bool:
    """Whether one more round like those before would take longer than there is time."""
    return rounds > 0 and elapsed_s * (rounds + 1) / rounds > scenario.max_time_s


def _expected(scenario: Scenario, records: list[TrialRecord]) -> list[str]:
    """Return which topologies are to be compared, without those that never came to a result."""
    return [other.name for _, other in scenario.pairs if valid_trials(records, other.name)]
