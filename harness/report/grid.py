"""A grid in sentences: its best cell and those that are as good, what each axis brings, and whether the
effects add up; and which topologies got no more rounds."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import exp, isnan, log1p
from typing import Final

from harness.analysis.grid import GridAnalysis
from harness.analysis.metrics import THROUGHPUT
from harness.analysis.run import RunAnalysis
from harness.analysis.summary import TopologySummary
from harness.report.figures import percent_text, ratio_text
from harness.report.markup import plain
from harness.stats.race import MIN_ROUNDS
from harness.units import ms_text, rate_text, size_text

MAX_LISTED: Final = 6  # cells in a sentence
SIGNIFICANT: Final = 0.05


def grid_texts(analysis: RunAnalysis, grid: GridAnalysis) -> list[str]:
    """Return sentences on one grid, in Markdown."""
    return [*_best_text(grid), *_axis_texts(grid), *_interaction_text(grid, analysis.run.scenario.margin)]


def dropped_texts(analysis: RunAnalysis) -> list[str]:
    """Return, for each topology that got no more rounds, after which and why; in Markdown."""
    return [
        f"`{each.candidate}` after round {each.after_round}: {ratio_text(each.ratio)} of `{each.leader}`"
        f" (p = {each.p_value:.1g}, at a level of {each.level:.1g})."
        for each in analysis.dropped.values()
    ]


def dropped_text(analysis: RunAnalysis) -> str:
    """Return one sentence on all topologies that got no more rounds, in Markdown; empty where none was dropped."""
    by_round = {
        after: list(group) for after, group in groupby(analysis.dropped.values(), lambda each: each.after_round)
    }
    parts = [
        f"after round {after} {', '.join(f'`{each.candidate}`' for each in group)}" for after, group in by_round.items()
    ]
    return f"Shown to be behind, and without further rounds: {'; '.join(parts)}." if parts else ""


def _best_text(grid: GridAnalysis) -> Iterator[str]:
    best = grid.best
    if best is None:
        yield f"The best cell is not known: {_why_unknown(grid)}."
        return
    of_whom = " of those that can be told" if grid.untold else ""
    yield f"Best{of_whom}: `{best.name}`, with {_speed_text(best)}{_needs_text(best)}."
    if grid.untold:
        listed = _list_some([f"`{cell.name}` ({_speed_text(cell)})" for cell in grid.untold])
        yield f"Not told, since fewer than three of their rounds have sound figures: {listed}."
    near = sorted(grid.race.others, key=lambda each: -each.ratio.value)
    if near:
        cells = {cell.name: cell for cell in grid.cells.values()}
        listed = _list_some(
            [
                f"`{each.candidate}` ({ratio_text(each.ratio)} of it{_needs_text(cells[each.candidate])})"
                for each in near
            ]
        )
        yield f"Not shown to be behind it: {listed}."


def _list_some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - MAX_LISTED} more" if len(texts) > MAX_LISTED else ""
    return ", ".join(texts[:MAX_LISTED]) + more


def _why_unknown(grid: GridAnalysis) -> str:
    if any(sum(map(grid.metric.is_sound, cell.trials)) >= MIN_ROUNDS for cell in grid.cells.values()):
        return "more requests fail of every cell that was measured in three rounds than of the baseline"
    return "it takes three rounds with sound figures to tell"


def _needs_text(cell: TopologySummary) -> str:
    """Return what a cell needs: ``, on 1.97 cores and 120.0 MiB``."""
    if cell.server_cores is None or cell.memory_bytes is None:
        return ""
    return f", on {cell.server_cores:.2f} cores and {size_text(cell.memory_bytes)}"


def _speed_text(cell: TopologySummary) -> str:
    if cell.offers and cell.latency_ms:
        return f"p99 {ms_text(cell.latency_ms.p99)}"
    return f"{rate_text(cell.requests_per_s.value)}/s" if cell.requests_per_s else "not measured"


def _axis_texts(grid: GridAnalysis) -> Iterator[str]:
    if grid.effects is None:
        yield "What each axis brings can't be told: too few rounds have figures of every value."
        return
    for (axis, values), effects in zip(grid.axes.items(), grid.effects.effects, strict=True):
        parts = ", ".join(
            f"{plain(str(value))}: {ratio_text(effect)}" for value, effect in zip(values[1:], effects, strict=True)
        )
        what = "the requests/s of" if grid.metric is THROUGHPUT else f"as fast ({grid.metric.title}) as"
        yield f"`{axis}` {parts} {what} {plain(str(values[0]))}, on average over the other axes."


def _interaction_text(grid: GridAnalysis, margin: float) -> Iterator[str]:
    if grid.effects is None or grid.effects.p_interaction is None:
        return
    names = [cell.name for cell in grid.cells.values() if cell.trials]
    known = [each for each in zip(grid.effects.departures, names, strict=True) if not isnan(each[0])]
    apart, name = max(known, key=lambda each: abs(each[0]))
    p_value = f"F test, {_p_text(grid.effects.p_interaction)}"
    if grid.effects.p_interaction > SIGNIFICANT:
        yield f"The effects add up, as far as this run can tell ({p_value})."
    elif abs(apart) <= log1p(margin):
        yield f"The effects add up within {percent_text(margin)} ({p_value})."
    else:
        yield (
            f"**The effects do not add up** ({p_value}): `{name}` {_apart_text(grid, apart)} than they add up to."
            " So read the cells, not the averages."
        )


def _apart_text(grid: GridAnalysis, apart: float) -> str:
    """Return how a figure departs, whose logarithm is so much better: ``has 36 % more``, ``is 5.0 % slower (p99)``."""
    if grid.metric is THROUGHPUT:
        return f"has {percent_text(abs(exp(apart) - 1))} {'more' if apart > 0 else 'less'}"
    return f"is {percent_text(exp(abs(apart)) - 1)} {'faster' if apart > 0 else 'slower'} ({grid.metric.title})"


def _p_text(p_value: float) -> str:
    return "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.2g}"
