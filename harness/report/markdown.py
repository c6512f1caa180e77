"""``report.md``: the answer first, then the tables, the charts and what they rest on."""

from collections.abc import Callable, Mapping
from typing import Final

from jinja2 import Environment as Templates
from jinja2 import PackageLoader, StrictUndefined, select_autoescape

from harness.analysis.metrics import Scale, metrics_of
from harness.record import EndReason, NoiseFloor, Run
from harness.report.changes import change_text, figure_text, ruling_text
from harness.report.environment import environment_rows
from harness.report.headline import ratio_text
from harness.report.limits import limit_rows, limit_text, steady_text
from harness.report.markup import code, plain
from harness.report.offered_rate import offer_text, placement_text
from harness.report.processes import processes_rows
from harness.report.published import documented_rows
from harness.report.requests import request_rows
from harness.report.run_report import RunReport
from harness.report.summary import is_proportional, unsound
from harness.report.unsound import with_room
from harness.report.verdicts import open_texts, percent_text
from harness.report.workers import worker_rows
from harness.stats.estimate import Estimate
from harness.units import decimals_apart, duration_text, ms_text, rate_text, size_text

ENDS: Final[dict[EndReason, str]] = {
    "sure": ", after which every verdict was settled or as precise as asked",
    "out of time": ", for which there was time (max_time)",
    "interrupted": ", until it was interrupted",
    "all rounds": "",
}


def render(report: RunReport, charts: list[str]) -> str:
    """The report as Markdown; ``charts`` are the names of those drawn beside it."""
    return templates({}).get_template("report.md.j2").render(facts(report), charts=charts)


def facts(report: RunReport) -> dict[str, object]:
    """Everything that a report says, by the names that its template has for it."""
    run, summaries = report.run, report.summaries
    return {
        "run": run,
        "scenario": run.scenario,
        "reference": "base" if run.scenario.is_of_two_commits else run.scenario.baseline.name,
        "question": "did it get slower?" if run.scenario.is_of_two_commits else "one process or a cluster?",
        "environment": run.environment,
        "headline": report.headline,
        "offer": offer_text(run.scenario.load),
        "placement": placement_text(run.info.placement, run.scenario, run.environment),
        "summaries": summaries,
        "comparisons": [each for summary in summaries for each in summary.comparisons],
        "rows": report.rows,
        "margins": margins_text(run),
        "is_proportional": is_proportional(summaries),
        "at_equal_pace": [summary.name for summary in summaries if summary.is_at_equal_pace],
        "scaling": report.scaling,
        "requests": list(request_rows(summaries)),
        "workers": list(worker_rows(summaries)),
        "processes": list(processes_rows(run, summaries)),
        "limits": list(limit_rows(summaries)),
        "steady": steady_text(summaries),
        "looks": looks_text(run),
        "noise": noise_text(run),
        "plan": plan_text(run),
        "findings": report.findings,
        "unsound": with_room(unsound(run)),
        "documented": documented_rows(run, summaries),
        "machine": list(environment_rows(run)),
        "rulings": report.rulings,
    }


def templates(filters: Mapping[str, Callable[..., object]]) -> Templates:
    """All of them, with the filters that they share and these; what goes into HTML is escaped."""
    found = Templates(
        loader=PackageLoader("harness.report"),
        autoescape=select_autoescape(enabled_extensions=["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters |= {
        "duration": duration_text,
        "ms": ms_text,
        "rate": rate_text,
        "size": size_text,
        "ratio": ratio_text,
        "interval": interval_text,
        "plain": plain,
        "code": code,
        "open": open_texts,
        "percent": percent_text,
        "share": share_text,
        "decimals": decimals_text,
        "limit": limit_text,
        "ruling": ruling_text,
        "shown": figure_text,
        "change": lambda change, metric: change_text(metric, change),
        **filters,
    }
    return found


def margins_text(run: Run) -> str:
    """Return within what each metric makes no difference, in words."""
    margins = [(metric, metric.margin or run.scenario.margin) for metric in metrics_of(run.scenario)]
    return ", ".join(
        f"{plain(metric.title)} ±{percent_text(margin)}{' of all requests' if metric.scale is Scale.SHARE else ''}"
        for metric, margin in margins
        if isinstance(margin, float)
    )


def looks_text(run: Run) -> str:
    """How often the data were looked at, at the most."""
    looks = len(run.info.looks)
    return "a single look" if looks == 1 else f"up to {looks} looks, after rounds {', '.join(map(str, run.info.looks))}"


def plan_text(run: Run) -> str:
    """How many rounds there were, and why no more."""
    rounds = max((record.block for record in run.records), default=0)
    of = f"{rounds} round{'s' if rounds != 1 else ''} of {len(run.scenario.topologies)} topologies"
    if run.scenario.rounds is not None:
        return of
    return of + ENDS[run.ending.reason if run.ending else "interrupted"]


def noise_text(run: Run) -> str:
    """The noise floor of this machine, metric by metric; nothing when it was never measured."""
    floor = run.info.noise
    if floor is None:
        return ""
    return ", ".join(
        f"{_scatter_text(floor, metric.name)} in {plain(metric.title)}"
        for metric in metrics_of(run.scenario)
        if metric.name in floor.scatter
    )


def _scatter_text(floor: NoiseFloor, metric: str) -> str:
    at_equal_pace = floor.scatter_at_equal_pace.get(metric)
    left = "" if at_equal_pace is None else f" (at equal pace {percent_text(at_equal_pace)})"
    return percent_text(floor.scatter[metric]) + left


def share_text(part: float) -> str:
    """``0.634`` as ``63 %``."""
    return f"{part * 100:.0f} %"


def decimals_text(value: float, decimals: int) -> str:
    """``0.634`` to two decimals as ``0.63``."""
    return f"{value:.{decimals}f}"


def rate_interval_text(rate: Estimate, unit: str = "") -> str:
    """``576 (524–633)`` or, with a unit, ``576/s (524–633)``; without the interval when there is none."""
    value = f"{rate_text(rate.value)}{unit}"
    if rate.low is None or rate.high is None:
        return value
    return f"{value} ({rate_text(rate.low)}–{rate_text(rate.high)})"


def interval_text(estimate: Estimate | None, decimals: int = 0) -> str:
    """Return ``1,530 (1,498–1,562)``; without the interval when there is none, a dash without either."""
    if estimate is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:,.{decimals}f}"
    decimals = decimals_apart(estimate.low, estimate.high, decimals)
    return f"{estimate.value:,.{decimals}f} ({estimate.low:,.{decimals}f}–{estimate.high:,.{decimals}f})"
