"""The comment under a pull request: the answer, what became of the gates, one picture, and everything else folded."""

from collections.abc import Iterator, Sequence
from typing import Final

from harness.analysis.gates import GateResult, Outcome
from harness.analysis.metric_rows import MetricComparison
from harness.analysis.metrics import metrics_of
from harness.record import Run
from harness.report.changes import row_change_text
from harness.report.findings import Finding
from harness.report.intervals import draw_changes, sort_worst_first
from harness.report.markdown import noise_text, plan_text, templates
from harness.report.markup import code, plain
from harness.report.offered_rate import offer_text, placement_text
from harness.report.run_report import RunReport
from harness.report.summary import TopologySummary

MOST_CHARACTERS: Final = 65_536  # that GitHub takes for a comment


def marker(run: Run) -> str:
    """By which the comment is found again, to be edited and not repeated; nobody sees it."""
    return f"<!-- harness: {run.scenario.name} -->"


def render_comment(report: RunReport) -> str:
    """GitHub's Markdown, short enough for a comment: what does not fit is left out, the least important first."""
    run, rows = report.run, report.rows
    found, details = report.findings, _details(run, report.summaries)
    deciding = [row for row in rows if row.metric is metrics_of(run.scenario)[0]]
    text = ""
    for shown, folded, told in (
        (rows, list(details), found),
        (rows, [], found),
        (rows, [], []),
        (deciding, [], []),
    ):
        text = _render(run, report.headline, shown, report.rulings, folded, told)
        if len(text) <= MOST_CHARACTERS:
            return text
    return text[:MOST_CHARACTERS]


def _render(
    run: Run,
    answer: str,
    rows: Sequence[MetricComparison],
    rulings: Sequence[GateResult],
    details: Sequence[tuple[str, list[TopologySummary]]],
    found: Sequence[Finding],
) -> str:
    scenario, two = run.scenario, run.scenario.is_of_two_commits
    return (
        templates({"row_change": row_change_text})
        .get_template("comment.md.j2")
        .render(
            marker=marker(run),
            run=run,
            scenario=scenario,
            environment=run.environment,
            question="did it get slower?" if two else "one process or a cluster?",
            answer=answer,
            before="base" if two else scenario.baseline.name,
            after="head" if two else "the other",
            rows=sort_worst_first(rows),
            passed=list(_passed(rulings)),
            others=[each for each in rulings if each.outcome is not Outcome.PASSED],
            picture=draw_changes(rows),
            noise=noise_text(run),
            findings=found,
            details=details,
            revisions=list(zip(("base", "head"), run.info.revisions, strict=False)),
            offer=offer_text(scenario.load),
            placement=placement_text(run.info.placement, scenario, run.environment),
            plan=plan_text(run),
        )
    )


def _details(run: Run, summaries: Sequence[TopologySummary]) -> Iterator[tuple[str, list[TopologySummary]]]:
    by_name = {summary.name: summary for summary in summaries}
    for before, after in run.scenario.pairs:
        yield after.title, [by_name[before.name], by_name[after.name]]


def _passed(rulings: Sequence[GateResult]) -> Iterator[str]:
    """Each gate that some topology passed, with their names where it is not all."""
    for gate in dict.fromkeys(ruling.gate.text for ruling in rulings):
        those = [ruling for ruling in rulings if ruling.gate.text == gate]
        names = [plain(ruling.topology) for ruling in those if ruling.outcome is Outcome.PASSED]
        if names:
            yield code(gate) if len(names) == len(those) else f"{code(gate)} ({', '.join(names)})"
