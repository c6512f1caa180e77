"""``report.md``: the answer first, then the tables, the charts and what they rest on."""

from collections.abc import Callable, Mapping
from typing import Final

from jinja2 import Environment as Templates
from jinja2 import PackageLoader, StrictUndefined, select_autoescape

from harness.analysis.metrics import Scale, metrics_of, metrics_of_answer
from harness.analysis.summary import is_proportional, rejected_records
from harness.record import EndReason, NoiseFloor, Run
from harness.report.charts import chart_names
from harness.report.charts.heat_map import grid_maps
from harness.report.charts.sweep import has_sweep, sweep_data
from harness.report.environment import environment_rows
from harness.report.figures import (
    change_text,
    decimals_text,
    figure_text,
    gate_result_text,
    interval_text,
    ms_interval_text,
    percent_text,
    ratio_text,
    share_text,
)
from harness.report.fleet import fleet_texts
from harness.report.grid import dropped_texts, grid_texts
from harness.report.interleaving import interleaving_text, scatter_texts
from harness.report.kernel_work import kernel_work_rows
from harness.report.limits import limit_rows, limit_text, steady_text
from harness.report.malloc import malloc_text
from harness.report.markup import code, plain
from harness.report.offered_rate import offer_text, placement_text
from harness.report.processes import process_rows
from harness.report.published import published_rows
from harness.report.question import question_of
from harness.report.requests import request_rows
from harness.report.resources import limits_text
from harness.report.run_report import RunReport
from harness.report.unsound import select_unsound
from harness.report.verdicts import open_texts
from harness.report.workers import replica_texts, worker_rows
from harness.stats.verdict import DECISIVE_WEIGHT
from harness.units import duration_text, ms_text, rate_text, size_text

ENDS: Final[dict[EndReason, str]] = {
    "sure": ", after which every verdict was settled or as precise as asked",
    "given up": ", after which no answer was expected",
    "out of time": ", for which there was time (max_time)",
    "planned rounds": ", as many as were planned for the time (max_time)",
    "machines lost": ", until all machines that made them were lost",
    "interrupted": ", until it was interrupted",
    "all rounds": "",
}


def render_markdown(report: RunReport) -> str:
    """Return the report as Markdown, which links to the charts beside it."""
    return load_templates({}).get_template("report.md.j2").render(collect_facts(report), charts=chart_names(report))


def collect_facts(report: RunReport) -> dict[str, object]:
    """Return everything that a report contains, by the names in its template."""
    run, summaries = report.run, report.summaries
    return {
        "run": run,
        "scenario": run.scenario,
        "reference": run.scenario.reference,
        "question": question_of(run.scenario),
        "environment": run.environment,
        "headline": report.headline,
        "offer": offer_text(run.scenario),
        "placement": placement_text(run.info.placement, run.scenario, run.environment, run.info.rigs),
        "malloc": malloc_text(run.scenario),
        "granted": limits_text(run.scenario),
        "interleaving": interleaving_text(run),
        "machines": list(fleet_texts(run)),
        "scatter": list(scatter_texts(report)),
        "summaries": summaries,
        "comparisons": [each for summary in summaries for each in summary.comparisons],
        "rows": report.rows,
        "margins": margins_text(run),
        "weighted": " and ".join(plain(metric.title) for metric in metrics_of_answer(run.scenario)),
        "weight": DECISIVE_WEIGHT,
        "is_proportional": is_proportional(summaries),
        "at_equal_core_speed": [summary.name for summary in summaries if summary.is_at_equal_core_speed],
        "grids": [(maps, grid_texts(report, grid)) for maps, grid in zip(grid_maps(report), report.grids, strict=True)],
        "dropped": dropped_texts(report),
        "sweep": sweep_data(report) if has_sweep(report) else None,
        "scaling": report.scaling,
        "requests": list(request_rows(summaries)),
        "workers": list(worker_rows(summaries)),
        "replicas": list(replica_texts(summaries)),
        "processes": list(process_rows(run, summaries)),
        "kernel_work": list(kernel_work_rows(summaries)),
        "limits": list(limit_rows(summaries)),
        "steady": steady_text(summaries),
        "looks": looks_text(run),
        "noise": noise_text(run),
        "plan": plan_text(run),
        "findings": report.findings,
        "unsound": select_unsound(rejected_records(run)),
        "published": published_rows(run, summaries),
        "machine": list(environment_rows(run)),
        "gate_results": report.gate_results,
    }


def load_templates(filters: Mapping[str, Callable[..., object]]) -> Templates:
    """Return all templates, with the shared filters and these. Text that goes into HTML is escaped."""
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
        "ms_interval": ms_interval_text,
        "plain": plain,
        "code": code,
        "open": open_texts,
        "percent": percent_text,
        "share": share_text,
        "decimals": decimals_text,
        "limit": limit_text,
        "gate_result": gate_result_text,
        "shown": figure_text,
        "change": lambda change, metric: change_text(metric, change),
        **filters,
    }
    return found


def margins_text(run: Run) -> str:
    """Return the margin of each metric, within which it counts as equal."""
    margins = [(metric, metric.margin or run.scenario.margin) for metric in metrics_of(run.scenario)]
    return ", ".join(
        f"{plain(metric.title)} ±{percent_text(margin)}{' of all requests' if metric.scale is Scale.SHARE else ''}"
        for metric, margin in margins
        if isinstance(margin, float)
    )


def looks_text(run: Run) -> str:
    """Return the maximum number of interim looks at the data."""
    looks = len(run.looks)
    return (
        "a single look"
        if looks == 1
        else f"up to {looks} interim looks (alpha spending), after rounds {', '.join(map(str, run.looks))}"
    )


def plan_text(run: Run) -> str:
    """Return the number of rounds, and why there were no more."""
    rounds = max((record.block for record in run.records), default=0)
    of = f"{rounds} round{'s' if rounds != 1 else ''} of {len(run.scenario.topologies)} topologies"
    if run.scenario.rounds is not None:
        return of
    return of + ENDS[run.ending.reason if run.ending else "interrupted"]


def noise_text(run: Run) -> str:
    """Return the noise floor of this machine, metric by metric; empty when it was never measured."""
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
    left = "" if at_equal_pace is None else f" (at equal core speed {percent_text(at_equal_pace)})"
    return percent_text(floor.scatter[metric]) + left
