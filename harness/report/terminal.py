"""The end of a comparison at the terminal: a table, the answer, and what to know before relying on it."""

from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.markdown import Markdown
from rich.table import Table

from harness.record import Run
from harness.report.findings import findings
from harness.report.headline import headline, ratio_text
from harness.report.summary import TopologySummary
from harness.scenario import Scenario
from harness.stats.verdict import Verdict
from harness.units import rate_text

VERDICT_STYLES: Final = {
    Verdict.FASTER: "green",
    Verdict.SLOWER: "red",
    Verdict.EQUIVALENT: "cyan",
    Verdict.INCONCLUSIVE: "yellow",
}


def closing(run: Run, summaries: list[TopologySummary]) -> Group:
    """What is printed when a comparison has ended."""
    lines = [headline(summaries), "", *(f"- {finding.what}" for finding in findings(run, summaries))]
    return Group(summary_table(run.scenario, summaries), Markdown("\n".join(lines)))


def summary_table(scenario: Scenario, summaries: list[TopologySummary]) -> Table:
    """What a comparison found, a row a topology."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column("topology", no_wrap=True)
    table.add_column("req/s", justify="right", no_wrap=True)
    table.add_column(f"× {scenario.baseline.name}", justify="right", min_width=13)
    table.add_column("verdict", no_wrap=True)
    for column in ("p50 ms", "p99 ms", "CPU ms", "n"):
        table.add_column(column, justify="right", no_wrap=True)
    for summary in summaries:
        table.add_row(*_cells(summary))
    return table


def _cells(summary: TopologySummary) -> list[str]:
    if not (summary.requests_per_s and summary.latency_ms and summary.cpu_ms_per_request):
        return [summary.name, "–", "–", "not measured", *["–"] * 3, "0"]
    verdict = summary.verdict
    return [
        summary.name,
        rate_text(summary.requests_per_s.value),
        ratio_text(summary.ratio) if summary.ratio else "–",
        f"[{VERDICT_STYLES[verdict]}]{verdict.value}[/]" if verdict else "baseline",
        _short(summary.latency_ms.p50),
        _short(summary.latency_ms.p99),
        f"{summary.cpu_ms_per_request.value:.2f}",
        str(len(summary.trials)),
    ]


def _short(milliseconds: float) -> str:
    return f"{milliseconds:,.0f}" if milliseconds >= 100 else f"{milliseconds:.1f}"
