"""How a run is told at its end: in the form that was asked for, and as an exit code."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from harness.cli.usage import UsageError
from harness.record import Run, TrialRecord
from harness.scenario import Gate, GateTable, Scenario
from harness.text import printable

if TYPE_CHECKING:
    from harness.analysis.gates import GateResult

# SciPy, pandas and Matplotlib are imported where they are needed: what goes wrong before need not wait for them.

EXIT_CODES: Final = (
    "Exit codes: 0 fine; 1 some trials failed or are invalid, none counts, or records were left out; 2 the input can't"
    " be used, or nothing could be measured with it; 3 a gate failed; 4 none failed, and what one of them limits can't"
    " be told; 5 or was not measured; 130 interrupted, what was measured is kept and reported."
)


MOST_TOLD: Final = 3  # of the records that were left out
_FIGURES: Final = re.compile(r"[\d,.]+")


class Format(StrEnum):
    """The forms. All but ``text`` are printed alone, with everything else on the standard error."""

    TEXT = "text"
    GITHUB = "github"
    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"
    CSV = "csv"
    JUNIT = "junit"

    def console(self) -> Console:
        """For what is told on the way."""
        return Console(stderr=self is not Format.TEXT)


FailOn = Annotated[
    list[str] | None,
    typer.Option(metavar="LIMIT", help="A gate: 'throughput < -5%', 'p95 < 250ms', 'errors > +0.1%'; repeatable."),
]
Strict = Annotated[bool, typer.Option("--strict", help="What can't be told or was not measured is a failed gate too.")]
Form = Annotated[Format, typer.Option("--format", help="What is printed at the end.")]


def with_gates(scenario: Scenario, fail_on: Sequence[str] | None, strict: bool, usual: Sequence[str] = ()) -> Scenario:
    """The scenario with the gates of the command line, or else its own, or else the usual ones.

    Raises UsageError with every reason where one is no limit, or could never be ruled on.
    """
    from harness.analysis.gates import inapplicable

    texts = tuple(fail_on or scenario.gate.fail_on or usual)
    if reasons := [reason for text in texts if (reason := _reason_against(text))]:
        raise UsageError("\n".join(reasons))
    table = GateTable(fail_on=texts, strict=strict or scenario.gate.strict)
    gated = scenario.model_copy(update={"gate": table})
    if reasons := inapplicable(gated):
        raise UsageError("\n".join(f"--fail-on: {reason}" for reason in reasons))
    return gated


def check_compared(scenario: Scenario) -> Scenario:
    """The scenario again. Raises UsageError when its gates ask for a comparison, and it has none."""
    from harness.analysis.gates import without_another

    if reasons := without_another(scenario.gate.gates, scenario):
        raise UsageError("\n".join(f"--fail-on: {reason}" for reason in reasons))
    return scenario


def _reason_against(text: str) -> str | None:
    try:
        Gate.parse(text)
    except ValueError as error:
        return f"--fail-on: {error}"
    return None


def tell(console: Console, run: Run, form: Format) -> int:
    """Write the reports of a run, print what it comes to, and return the exit code. Raises RunFolderError."""
    from harness.report.formats import FORMATS
    from harness.report.terminal import closing
    from harness.report.write import write_reports

    report = write_reports(run)
    if form is Format.TEXT:
        console.print(closing(report))
    else:
        text = FORMATS[form](report)
        typer.echo(text, nl=False)
        if form is Format.GITHUB:
            _summarise_step(text)
    tell_places(console, run)
    return exit_code(run, report.rulings)


def tell_capacity(console: Console, run: Run) -> int:
    """The same of a search: write its reports, print what they come to, return the exit code."""
    from harness.report.capacity.note import capacity_lines
    from harness.report.capacity.write import write_capacity

    console.print(capacity_lines(run, write_capacity(run)))
    tell_places(console, run, "capacity.md")
    return exit_code(run)


def tell_places(console: Console, run: Run, report: str = "report.md") -> None:
    """Print where the report is and, where trials do not count, what their servers wrote."""
    console.print(f"Report: {run.path / report}", markup=False, highlight=False, soft_wrap=True)
    if any(record.status != "ok" for record in run.records):
        console.print(f"Logs: {run.path / 'logs'}", markup=False, highlight=False, soft_wrap=True)


def _summarise_step(text: str) -> None:
    """Where GitHub Actions shows it as the summary of the job."""
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with open(summary, "a", encoding="utf-8") as file:
            file.write(text)


def exit_code(run: Run, rulings: "Sequence[GateResult]" = ()) -> int:
    """As the help has it."""
    if not run.is_whole:
        return 130
    if not any(record.load for record in run.records):
        reasons = dict.fromkeys(f"{record.topology}: {record.reason}" for record in run.records)
        _say(f"nothing could be measured: {'; '.join([*reasons, *_left_out(run)]) or 'no trial was made'}")
        return 2
    if not has_answers(run):
        _say(why_nothing_counts(run.records))
        return 1
    for line in _left_out(run):
        _say(line)
    is_sound = not run.left_out and all(record.status == "ok" for record in run.records)
    code = gate_code(run.scenario, rulings)
    return code if is_sound or code in (3, 5) else 1


def _left_out(run: Run) -> Iterator[str]:
    """A line on the records that were left out, if any were."""
    if run.left_out:
        more = "; …" if len(run.left_out) > MOST_TOLD else ""
        yield f"records were left out: {'; '.join(run.left_out[:MOST_TOLD])}{more}"


def has_answers(run: Run) -> bool:
    """Whether any trial counts."""
    return any(record.status == "ok" for record in run.records)


def why_nothing_counts(records: Sequence[TrialRecord]) -> str:
    """Return the most frequent reason against trials of which none counts; figures make no reason another one."""
    reasons = [record.reason or record.status for record in records]
    kinds = Counter(_FIGURES.sub("", reason) for reason in reasons)
    (kind, times), *others = kinds.most_common()
    reason = next(reason for reason in reasons if _FIGURES.sub("", reason) == kind)
    return f"no trial counts: in {times} of {len(records)}, {reason}" if others else f"no trial counts: {reason}"


def _say(text: str) -> None:
    typer.echo("harness: " + printable(text), err=True)


def gate_code(scenario: Scenario, rulings: "Sequence[GateResult]") -> int:
    """Return 0, 3, 4 or 5."""
    from harness.analysis.gates import Outcome, overall_outcome

    return {Outcome.FAILED: 3, Outcome.UNCERTAIN: 4, Outcome.UNMEASURED: 5}.get(
        overall_outcome(rulings, scenario.gate.strict), 0
    )
