"""``capacity.md``: the question, the answer, the table, the curve, what it rests on, and how to repeat it."""

from collections.abc import Callable, Iterator
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.markdown import Markdown
from rich.table import Table

from harness.analysis.capacity import Capacity, Probe
from harness.analysis.run import RunAnalysis
from harness.record import EndReason, Run
from harness.report.charts.capacity import percent_of
from harness.report.environment import environment_rows
from harness.report.figures import rate_interval_text, share_text
from harness.report.malloc import malloc_text
from harness.report.markdown import load_templates
from harness.report.markup import plain
from harness.report.offered_rate import placement_text
from harness.scenario import Objective
from harness.stats.crossing import BadShare
from harness.stats.estimate import Estimate
from harness.units import duration_text, ms_text, rate_text

NOT_KNOWN: Final = "–"
ENDS: Final[dict[EndReason, str]] = {
    "sure": "until every answer was as precise as asked",
    "given up": "until none of them was expected to bring an answer",
    "out of time": "as many as there was time for (max_time)",
    "machines lost": "until all machines that made them were lost",
    "interrupted": "until it was interrupted",
}


def render_capacity_markdown(analysis: RunAnalysis) -> str:
    """Return the result of the search as GitHub's Markdown."""
    run, found = analysis.run, analysis.capacities
    filters: dict[str, Callable[..., str]] = {
        "rate": rate_interval,
        "offered": rate_text,
        "share": share_text,
        "objective_cost": objective_cost_text,
        "broken": broken_text,
        "ms": ms_text,
    }
    return (
        load_templates(filters)
        .get_template("capacity.md.j2")
        .render(
            run=run,
            scenario=run.scenario,
            found=found,
            objectives=objectives_text(run.info.objectives),
            answers=list(answers(run, found)),
            percent=percent_of(run.info.objectives),
            binding=lambda each: plain(broken_first(each)),
            probes_text=probes_text(run),
            placement=placement_text(run.info.placement, run.scenario, run.environment, run.info.rigs),
            malloc=malloc_text(run.scenario),
            machine=list(environment_rows(run)),
        )
    )


def render_capacity_terminal(analysis: RunAnalysis) -> Group:
    """Return what is printed when a search has ended, within 80 columns."""
    run, found = analysis.run, analysis.capacities
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("topology", overflow="fold")
    for title in ("carries/s", "saturates at/s", "cost", "broken first"):
        table.add_column(title, justify="right", no_wrap=True)
    for each in found:
        table.add_row(
            each.topology.name,
            rate_interval(each.rate),
            rate_interval(each.saturation),
            objective_cost_text(each.objective_cost),
            broken_first(each),
        )
    lines = filter(None, [*answers(run, found), malloc_text(run.scenario)])
    return Group(table, Markdown("\n".join(f"- {line}" for line in lines)))


def answers(run: Run, found: list[Capacity]) -> Iterator[str]:
    """Yield the answers in a sentence or two each, in Markdown: the best first, then what is missing."""
    objectives = objectives_text(run.info.objectives)
    able = [each for each in found if each.rate is not None]
    if able:
        best, *others = sorted(able, key=_value, reverse=True)
        rest = "; ".join(f"`{each.topology.name}` {rate_interval(each.rate)}" for each in others)
        carries = "carries most: " if others else "carries "
        yield (
            f"**`{best.topology.name}` {carries}{rate_interval(best.rate)} requests/s with {objectives}**"
            f"{f' ({rest})' if rest else ''}."
        )
    elif any(each.unkept for each in found):
        yield f"**No topology keeps {objectives} at any rate that was offered.**"
    else:
        yield "**Nothing is known**: no search came to an answer."
    for each in found:
        if each.unkept:
            lowest = each.probes[0]
            yield (
                f"`{each.topology.name}` does not keep {plain(each.unkept.text)} even at"
                f" {rate_text(lowest.rate_per_s)} requests/s ({_latency(lowest)})."
            )
        elif each.rate is None:
            yield f"Of `{each.topology.name}` nothing is known: {plain(why_unknown(each))}."
        elif each.rate.low is None:
            yield f"The answer for `{each.topology.name}` has no interval: too few probes are near it."
    if run.ending and run.ending.failure:
        yield f"Beside the trials there was a failure: {plain(run.ending.failure)}."


def why_unknown(found: Capacity) -> str:
    """Return why a topology has no answer."""
    why = found.left_out[-1].removesuffix(".") if found.left_out else None
    if found.saturation is None:
        return f"no trial in a closed loop counts, {why}" if why else "the search ended before its first trial"
    if found.probes:
        return (
            f"everything was kept up to {rate_text(found.probes[-1].rate_per_s)} requests/s, and the search ended there"
        )
    return why or "the search ended before a rate was offered"


def objectives_text(objectives: list[Objective]) -> str:
    """Return all objectives as they were written, in Markdown."""
    return " and ".join(plain(objective.text) for objective in objectives)


def rate_interval(rate: Estimate | None) -> str:
    """Return a rate in requests/s with its interval; a dash where it is not known."""
    return NOT_KNOWN if rate is None else rate_interval_text(rate)


def objective_cost_text(cost: Estimate | None) -> str:
    """Return ``31 % (3–52)``; a dash where it is not known."""
    if cost is None:
        return NOT_KNOWN
    if cost.low is None or cost.high is None:
        return share_text(cost.value)
    return f"{share_text(cost.value)} ({cost.low * 100:.0f}–{cost.high * 100:.0f})"


def broken_first(found: Capacity) -> str:
    """Return the objective that is broken first, or that the saturation comes before."""
    broken = found.unkept or found.binding
    if broken is not None:
        return broken.text
    return NOT_KNOWN if found.rate is None else "full before"


def broken_text(share: BadShare) -> str:
    """Return the share of the requests that broke an objective, in hundredths of a percent."""
    return f"{100 * share.bad / share.requests:.2f} %" if share.requests else NOT_KNOWN


def probes_text(run: Run) -> str:
    """Return the number of trials, and why there were no more."""
    load, ending = run.scenario.load, run.ending.reason if run.ending else "interrupted"
    return (
        f"{len(run.records)} trials, {ENDS.get(ending, '')}, each of {duration_text(load.duration_s)} after"
        f" {duration_text(load.warmup_s)} of warm-up"
    )


def _latency(probe: Probe) -> str:
    latency = probe.load.latency_ms
    return f"p50 {ms_text(latency.p50)}, p99 {ms_text(latency.p99)}" if latency else "no request ended"


def _value(found: Capacity) -> float:
    return found.rate.value if found.rate else 0.0
