"""``report.md``: the answer first, then the tables, the charts and what they rest on."""

from jinja2 import Environment as Templates
from jinja2 import PackageLoader, StrictUndefined

from harness.record import Run
from harness.report.documented import documented_rows
from harness.report.findings import findings
from harness.report.headline import headline, ratio_text
from harness.report.offer import offer_text, placement_text
from harness.report.summary import TopologySummary, unsound
from harness.stats.estimate import Estimate
from harness.units import duration_text, ms_text, rate_text, size_text


def render(run: Run, summaries: list[TopologySummary], charts: list[str]) -> str:
    """The report as Markdown; ``charts`` are the names of those drawn beside it."""
    templates = Templates(
        loader=PackageLoader("harness.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {
        "duration": duration_text,
        "ms": ms_text,
        "rate": rate_text,
        "size": size_text,
        "ratio": ratio_text,
        "interval": interval_text,
        "cell": cell,
    }
    return templates.get_template("report.md.j2").render(
        run=run,
        scenario=run.scenario,
        environment=run.environment,
        headline=headline(summaries),
        offer=offer_text(run.scenario.load),
        placement=placement_text(run.info.placement, run.scenario, run.environment.usable_cores),
        summaries=summaries,
        findings=findings(run, summaries),
        unsound=unsound(run),
        documented=documented_rows(run, summaries),
        charts=charts,
    )


def cell(text: object) -> str:
    """Text from outside, safe within a cell of a Markdown table."""
    escaped = str(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
    return " ".join(escaped.split())


def interval_text(estimate: Estimate, decimals: int = 0) -> str:
    """``1,530 (1,498–1,562)``; without the interval when there is none."""
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:,.{decimals}f}"
    return f"{estimate.value:,.{decimals}f} ({estimate.low:,.{decimals}f}–{estimate.high:,.{decimals}f})"
