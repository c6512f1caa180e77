"""The gates of a run from the command line, and its exit code."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import typer

from harness.analysis.capacity import Capacity
from harness.analysis.gates import (
    GateResult,
    Outcome,
    find_gates_without_baseline,
    find_inapplicable_gates,
    overall_outcome,
)
from harness.cli.usage import UsageError
from harness.record import Run, TrialRecord
from harness.scenario import Gate, GateTable, Scenario
from harness.text import printable

MOST_SERIOUS_FIRST: Final = (130, 3, 2, 1, 5, 4, 0)
MAX_LISTED: Final = 3  # of the records that were left out
_FIGURES: Final = re.compile(r"[\d,.]+")


def with_gates(scenario: Scenario, fail_on: Sequence[str] | None, strict: bool, usual: Sequence[str] = ()) -> Scenario:
    """Return the scenario with the gates of the command line, or else its own, or else the usual ones.

    Raises UsageError with every reason where one is no limit, or could never be ruled on.
    """
    texts = tuple(fail_on or scenario.gate.fail_on or usual)
    if reasons := [reason for text in texts if (reason := _reason_against(text))]:
        raise UsageError("\n".join(reasons))
    table = GateTable(fail_on=texts, strict=strict or scenario.gate.strict)
    gated = scenario.with_gates(table)
    if reasons := find_inapplicable_gates(gated):
        where = "--fail-on" if fail_on else "gate.fail_on"
        raise UsageError("\n".join(f"{where}: {reason}" for reason in reasons))
    return gated


def check_compared(scenario: Scenario) -> Scenario:
    """Return the scenario again. Raises UsageError when its gates ask for a comparison, and it has none."""
    if reasons := find_gates_without_baseline(scenario.gate.gates, scenario):
        raise UsageError("\n".join(f"--fail-on: {reason}" for reason in reasons))
    return scenario


def _reason_against(text: str) -> str | None:
    try:
        Gate.parse(text)
    except ValueError as error:
        return f"--fail-on: {error}"
    return None


def exit_code(run: Run, gate_results: Sequence[GateResult] = ()) -> int:
    """Return the exit code, as the help has it."""
    failure = run.ending.failure if run.ending else None
    if failure:
        _warn(failure)
    if run.ending is not None and run.ending.reason == "machines lost":
        _warn(f"all machines that make rounds were lost; harness resume {run.path} --fleet FILE goes on")
        return 1
    if not run.is_whole:
        return 130
    if not any(record.load for record in run.records):
        reasons = dict.fromkeys(f"{record.topology}: {record.reason}" for record in run.records)
        _warn(f"nothing could be measured: {'; '.join([*reasons, *_left_out(run)]) or 'no trial was made'}")
        return 2
    if not has_answers(run):
        _warn(why_nothing_counts(run.records))
        return 1
    for line in _left_out(run):
        _warn(line)
    is_sound = not failure and not run.left_out and all(record.status == "ok" for record in run.records)
    code = gate_code(run.scenario, gate_results)
    return code if is_sound or code in (3, 5) else 1


def most_serious(codes: Sequence[int]) -> int:
    """Return the exit code of several runs together; 0 for none."""
    return min(codes, key=MOST_SERIOUS_FIRST.index, default=0)


def capacity_exit_code(run: Run, found: Sequence[Capacity]) -> int:
    """Return the exit code of a search: 1 too where it came to no answer for any topology."""
    code = exit_code(run)
    if code == 0 and not any(each.rate or each.unkept for each in found):
        _warn("no search came to an answer")
        return 1
    return code


def _left_out(run: Run) -> Iterator[str]:
    """Yield a line on the records that were left out, if any were."""
    if run.left_out:
        more = "; …" if len(run.left_out) > MAX_LISTED else ""
        yield f"records were left out: {'; '.join(run.left_out[:MAX_LISTED])}{more}"


def has_answers(run: Run) -> bool:
    """Return True if any trial counts."""
    return any(record.status == "ok" for record in run.records)


def why_nothing_counts(records: Sequence[TrialRecord]) -> str:
    """Return the most frequent reason against trials of which none counts; figures make no reason another one."""
    reasons = [record.reason or record.status for record in records]
    kinds = Counter(_FIGURES.sub("", reason) for reason in reasons)
    (kind, times), *others = kinds.most_common()
    reason = next(reason for reason in reasons if _FIGURES.sub("", reason) == kind)
    return f"no trial counts: in {times} of {len(records)}, {reason}" if others else f"no trial counts: {reason}"


def _warn(text: str) -> None:
    typer.echo("harness: " + printable(text), err=True)


def gate_code(scenario: Scenario, gate_results: Sequence[GateResult]) -> int:
    """Return 0, 3, 4 or 5."""
    return {Outcome.FAILED: 3, Outcome.UNCERTAIN: 4, Outcome.UNMEASURED: 5}.get(
        overall_outcome(gate_results, scenario.gate.strict), 0
    )
