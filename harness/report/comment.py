"""The comment under a pull request: the answer, the gates, one picture, and everything else folded away."""

from collections.abc import Iterator, Sequence
from typing import Final

from harness.analysis.gates import GateResult, Outcome
from harness.analysis.metric_rows import MetricComparison
from harness.analysis.metrics import metrics_of
from harness.analysis.summary import TopologySummary
from harness.record import Run
from harness.report.figures import row_change_text
from harness.report.finding import Finding
from harness.report.fleet import fleet_texts
from harness.report.interleaving import interleaving_text
from harness.report.intervals import draw_changes, sort_worst_first
from harness.report.malloc import malloc_text
from harness.report.markdown import load_templates, noise_text, plan_text
from harness.report.markup import code, plain
from harness.report.offered_rate import offer_text, placement_text
from harness.report.question import question_of, sides_of
from harness.report.resources import limits_text
from harness.report.run_report import RunReport

MAX_CHARACTERS: Final = 65_536  # the longest comment that GitHub accepts


def marker(run: Run) -> str:
    """Return the invisible line by which the comment is found again, to be edited and not repeated."""
    return f"<!-- harness: {run.scenario.name} -->"


def render_comment(report: RunReport) -> str:
    """Return GitHub's Markdown, short enough for a comment: what does not fit is left out, the least important
    first."""
    rows, findings, details = report.rows, report.findings, list(_details(report))
    deciding = [row for row in rows if row.metric is metrics_of(report.run.scenario)[0]]
    text = ""
    for shown, listed, folded in ((rows, findings, details), (rows, findings, []), (rows, [], []), (deciding, [], [])):
        text = _render(report, shown, listed, folded)
        if len(text) <= MAX_CHARACTERS:
            return text
    return text[:MAX_CHARACTERS]


def _render(
    report: RunReport,
    rows: Sequence[MetricComparison],
    findings: Sequence[Finding],
    details: Sequence[tuple[str, list[TopologySummary]]],
) -> str:
    run, scenario = report.run, report.run.scenario
    before, after = sides_of(scenario)
    return (
        load_templates({"row_change": row_change_text})
        .get_template("comment.md.j2")
        .render(
            marker=marker(run),
            run=run,
            scenario=scenario,
            environment=run.environment,
            question=question_of(scenario),
            answer=report.headline,
            before=before,
            after=after,
            rows=sort_worst_first(rows),
            passed=list(_passed_gates(report.gate_results)),
            others=[each for each in report.gate_results if each.outcome is not Outcome.PASSED],
            picture=draw_changes(rows),
            noise=noise_text(run),
            findings=findings,
            details=details,
            revisions=list(zip(("base", "head"), run.info.revisions, strict=False)),
            offer=offer_text(scenario),
            placement=placement_text(run.info.placement, scenario, run.environment, run.info.rigs),
            malloc=malloc_text(scenario),
            granted=limits_text(scenario),
            interleaving=interleaving_text(run),
            machines=list(fleet_texts(run)),
            plan=plan_text(run),
        )
    )


def _details(report: RunReport) -> Iterator[tuple[str, list[TopologySummary]]]:
    """Yield each compared pair, under the title of the topology that is compared with the baseline."""
    by_name = {summary.name: summary for summary in report.summaries}
    for before, after in report.run.scenario.pairs:
        yield after.title, [by_name[before.name], by_name[after.name]]


def _passed_gates(results: Sequence[GateResult]) -> Iterator[str]:
    """Yield each gate that a topology passed, with the names of these where not all passed."""
    for gate in dict.fromkeys(each.gate.text for each in results):
        those = [each for each in results if each.gate.text == gate]
        names = [plain(each.topology) for each in those if each.outcome is Outcome.PASSED]
        if names:
            yield code(gate) if len(names) == len(those) else f"{code(gate)} ({', '.join(names)})"
