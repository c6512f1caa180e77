"""The main job, as one straight line: plan, trials, records on disk, until the plan ends or the verdicts are sure."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Protocol

from harness.analysis.comparison import Comparisons, compare_topologies, is_sure
from harness.analysis.measured import measured
from harness.analysis.metrics import metrics_of
from harness.doctor.checkup import checkup
from harness.doctor.host import Host
from harness.environment import describe_environment
from harness.noise import newest_floor
from harness.plan import PlannedTrial
from harness.preparation import Prepared
from harness.record import EndReason, RunFolder, RunInfo, TrialRecord
from harness.scenario import Scenario
from harness.stats.sequential import ONCE, Looks, looks_until
from harness.trial import Progress, run_trial


class Audience(Protocol):
    """Who is told how a comparison goes."""

    def begin(self, planned: PlannedTrial) -> None:
        """A trial begins."""

    def progress(self, progress: Progress) -> None:
        """The trial goes on."""

    def end(self, record: TrialRecord) -> None:
        """The trial has ended and its record is on disk."""

    def judged(self, rounds: int, comparisons: Comparisons) -> None:
        """A round has ended, and this is what all of them say so far."""


def compare(prepared: Prepared, results: Path, command: str, audience: Audience) -> Path:
    """Make the trials of the plan; return the run folder. Ctrl-C ends it early and keeps what was measured.

    ``command`` is what repeats this run, for the record. Raises RunFolderError when a record can't be written.
    """
    scenario, environment = prepared.scenario, describe_environment()
    looks = ONCE if scenario.rounds is not None else looks_until(prepared.plan[-1].block)
    info = RunInfo(
        seed=prepared.seed,
        started_at=datetime.now(UTC),
        command=command,
        trials=list(prepared.plan),
        looks=looks.after,
        placement=prepared.placement,
        skipped=prepared.skipped,
        noise=newest_floor(results, scenario, environment),
        checks=checkup(Host.here(), scenario),
    )
    folder = RunFolder.create(results, info, scenario, environment)
    try:
        reason = _measure(prepared, looks, folder, audience)
    except KeyboardInterrupt:
        reason = "interrupted"  # what is planned and not recorded was not made: reports say so
    folder.end(reason)
    return folder.path


def _measure(prepared: Prepared, looks: Looks, folder: RunFolder, audience: Audience) -> EndReason:
    """Round after round; each ends with a look at the verdicts, and may be the last for one of two reasons."""
    scenario, records, began_s = prepared.scenario, list[TrialRecord](), time.monotonic()
    for block, trials in groupby(prepared.plan, key=lambda planned: planned.block):
        if scenario.rounds is None and _would_overrun(scenario, block - 1, time.monotonic() - began_s):
            return "out of time"
        records += _trials(trials, prepared, folder, audience)
        comparisons = compare_topologies(scenario, looks, records)
        audience.judged(block, comparisons)
        if (
            scenario.rounds is None
            and block in looks.after
            and is_sure(comparisons, scenario.precision, _expected(scenario, records))
        ):
            return "sure"
    return "all rounds" if scenario.rounds is not None else "out of time"


def _trials(
    trials: Iterator[PlannedTrial], prepared: Prepared, folder: RunFolder, audience: Audience
) -> Iterator[TrialRecord]:
    for planned in trials:
        audience.begin(planned)
        log = folder.log_path(planned.id)
        record = run_trial(planned, prepared.scenario, prepared.placement, log, audience.progress)
        folder.append(record)
        audience.end(record)
        yield record


def _would_overrun(scenario: Scenario, rounds: int, elapsed_s: float) -> bool:
    """Whether one more round like those before would take longer than there is time."""
    return rounds > 0 and elapsed_s * (rounds + 1) / rounds > scenario.max_time_s


def _expected(scenario: Scenario, records: list[TrialRecord]) -> int:
    """How many comparisons there are to be, without the topologies that never came to a result."""
    others = [topology for topology in scenario.topologies if not topology.baseline]
    return len(metrics_of(scenario.load)) * sum(bool(measured(records, topology.name)) for topology in others)
