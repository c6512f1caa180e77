"""The comparison: trials by a schedule, each recorded on disk, until the schedule ends or the verdicts are settled."""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from harness.analysis.comparison import Comparisons, compare_topologies, has_converged
from harness.analysis.gates import have_open_gates
from harness.analysis.noise import find_noise_floor
from harness.analysis.race import find_dropped, is_race_over
from harness.analysis.trials import valid_trials
from harness.measure.interleaving import choose_interleaving
from harness.measure.observer import Observer
from harness.measure.preparation import PreparedRun
from harness.measure.round_plan import ResumedFrom, RoundPlan
from harness.measure.schedule import expected_rounds
from harness.measure.services import carry_out
from harness.measure.testbed import Testbed
from harness.record import EndReason, LooksAfter, Run, RunFolder, RunInfo, TrialRecord
from harness.scenario import Scenario
from harness.stats.sequential import SINGLE_LOOK, InterimLooks, looks_until


def compare(
    prepared: PreparedRun, results: Path, command: str, observer: Observer, testbed: Testbed | None = None
) -> Path:
    """Make the trials of the schedule; return the run folder. Ctrl-C ends the comparison early and keeps what was
    measured.

    ``command`` is the command line that repeats this run, for the record. Without a ``testbed``, this machine is it.
    Raises RunFolderError when a record can't be written, and BusyError, before anything is written, while another
    comparison runs on this machine.
    """
    testbed = testbed or Testbed.here()
    with testbed.exclusive_run():
        return _compare(prepared, results, command, observer, testbed)


def _compare(prepared: PreparedRun, results: Path, command: str, observer: Observer, testbed: Testbed) -> Path:
    scenario = prepared.scenario
    environment, checks = testbed.describe_environment(), testbed.run_checkup(scenario)
    observer.on_checks(checks)
    interleaving = choose_interleaving(scenario, lambda: testbed.try_slices(scenario, prepared.placement))
    sliced = scenario.with_slice(interleaving.slice_s)
    timed = sliced.with_lanes(max(1, testbed.lanes))
    expected = expected_rounds(RoundPlan.first(timed, interleaving).apply(timed))
    looks = SINGLE_LOOK if scenario.rounds is not None else looks_until(expected)
    info = RunInfo(
        seed=prepared.seed,
        started_at=testbed.now(),
        command=command,
        trials=list(prepared.schedule),
        looks=looks.after,
        placement=prepared.placement,
        skipped=prepared.skipped,
        noise=find_noise_floor(results, scenario, interleaving, environment, testbed.describe_rigs()),
        checks=checks,
        revisions=list(prepared.revisions),
        programs=testbed.describe_programs(scenario),
        interleaving=interleaving,
        rigs=testbed.describe_rigs(),
    )
    # A comparison of two commits can't be resumed: their checkouts are gone by then.
    fingerprint = None if prepared.revisions else testbed.take_fingerprint(scenario.topologies, info.programs)
    folder = RunFolder.create(results, info, scenario, environment, fingerprint)
    return _run_to_end(prepared, info, folder, ResumedFrom(info.started_at, []), observer, testbed)


def resume(run: Run, prepared: PreparedRun, observer: Observer, testbed: Testbed | None = None) -> Path:
    """Make the trials of its schedule that an interrupted run still lacks; return its folder.

    ``prepared`` is the result of :func:`harness.measure.preparation.prepare_again`; the ``testbed`` is that of
    :func:`compare`. Raises RunFolderError when a record can't be written, and BusyError while another comparison runs
    on this machine.
    """
    testbed = testbed or Testbed.here()
    resumed_at = run.ending.resumed_at if run.ending else []
    made = ResumedFrom(run.info.started_at, run.records, resumed_at)
    with testbed.exclusive_run():
        return _run_to_end(prepared, run.info, RunFolder.reopen(run), made, observer, testbed)


def _run_to_end(
    prepared: PreparedRun,
    info: RunInfo,
    folder: RunFolder,
    made: ResumedFrom,
    observer: Observer,
    testbed: Testbed,
) -> Path:
    prepared = replace(prepared, scenario=prepared.scenario.with_slice(info.interleaving.slice_s))

    def make_rounds(up: PreparedRun) -> tuple[EndReason, LooksAfter | None]:
        first = RoundPlan.first(prepared.scenario, info.interleaving, InterimLooks(info.looks))
        lanes = max(1, testbed.lanes)
        resumed = first.resume(prepared.scenario.with_lanes(lanes), made, lanes)
        reason, plan = _measure(up, info, resumed, folder, made, observer, testbed)
        return reason, None if plan.looks.after == info.looks else plan.looks.after

    carry_out(testbed.open_run(prepared, folder), folder, make_rounds)
    return folder.path


def _measure(
    prepared: PreparedRun,
    info: RunInfo,
    plan: RoundPlan,
    folder: RunFolder,
    made: ResumedFrom,
    observer: Observer,
    testbed: Testbed,
) -> tuple[EndReason, RoundPlan]:
    """Make round after round, with the comparisons after each; return why the last was the last, and its plan.

    With several lanes, as many rounds are under way, and are judged in the order of the plan: an order of completion
    would let rounds choose, by how long they take, whether they count.
    """
    scenario, records = prepared.scenario, list(made.records)
    lanes, began_s = max(1, testbed.lanes), testbed.monotonic_s() - made.elapsed_s
    # Each lane has the whole time for its rounds: they are planned in the time of all lanes together.
    timed = scenario.with_lanes(lanes)
    recorded = {record.trial for record in records}
    waiting = deque((block, list(trials)) for block, trials in groupby(prepared.schedule, key=lambda each: each.block))
    under_way = deque[tuple[int, Iterable[TrialRecord]]]()
    ended: tuple[EndReason, RoundPlan] | None = None
    while True:
        while waiting and len(under_way) < testbed.lanes and ended is None:
            block, planned = waiting.popleft()
            out = {each.candidate for each in find_dropped(scenario, [each for each in records if each.block < block])}
            trials = [trial for trial in planned if trial.id not in recorded and trial.topology.name not in out]
            is_begun = any(trial.id in recorded for trial in planned)
            if not trials or (is_begun and len(info.rigs) > 1):  # the rest of it might be made on another machine
                continue
            ended = _find_end(plan, timed, block, out, lanes * (testbed.monotonic_s() - began_s))
            if ended is None:
                up = replace(prepared, scenario=plan.apply(scenario))
                under_way.append((block, testbed.start_round(trials, info.interleaving, up, folder, observer)))
        if not under_way and waiting and ended is None:
            return "machines lost", plan
        if not under_way:
            return ended or ("all rounds" if scenario.rounds is not None else "out of time", plan)
        dropped = find_dropped(scenario, records)
        block, coming = under_way.popleft()
        records += coming
        comparisons = compare_topologies(scenario, plan.looks, records)
        out = {each.candidate for each in dropped}
        observer.on_comparisons(block, {key: each for key, each in comparisons.items() if each.topology not in out})
        observer.on_dropped(find_dropped(scenario, records)[len(dropped) :])
        if scenario.rounds is None and block in plan.looks.after:
            if _is_decided(scenario, records, comparisons):
                return "sure", plan
            if plan.round_s is None:
                plan = plan.after_pilot(timed, records, block, lanes * (testbed.monotonic_s() - began_s))


def _find_end(
    plan: RoundPlan, scenario: Scenario, block: int, dropped: set[str], elapsed_s: float
) -> tuple[EndReason, RoundPlan] | None:
    """Return why the run ends before this round, and its plan; None where it goes on."""
    if len(dropped) == len(scenario.pairs) > 0:
        return "sure", plan  # nothing but baselines is left
    if scenario.rounds is None and plan.is_out_of_time(scenario, block - 1, elapsed_s):
        return "out of time", replace(plan, looks=plan.looks.ended_after(block - 1))
    if scenario.rounds is None and plan.is_carried_out(block - 1):
        return "planned rounds", plan
    return None


def _is_decided(scenario: Scenario, records: list[TrialRecord], comparisons: Comparisons) -> bool:
    """Return whether further rounds would change nothing that the run is made for."""
    if scenario.is_race and not is_race_over(scenario, records):
        return False
    dropped = {each.candidate for each in find_dropped(scenario, records)}
    running = {key: each for key, each in comparisons.items() if each.topology not in dropped}
    expected = [name for name in _comparable_topologies(scenario, records) if name not in dropped]
    return has_converged(running, scenario, expected) and not have_open_gates(scenario.gate.gates, running)


def _comparable_topologies(scenario: Scenario, records: list[TrialRecord]) -> list[str]:
    """Return the names of the topologies to be compared, without those of which no trial is valid."""
    return [other.name for _, other in scenario.pairs if valid_trials(records, other.name)]
