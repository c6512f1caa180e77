"""Sentences on the page faults of launches, with what may take them out."""

from collections.abc import Iterator, Sequence
from typing import Final

from harness.analysis.page_faults import FAULT_NS, fault_cost_of, modes_of
from harness.analysis.run import RunAnalysis
from harness.analysis.summary import TopologySummary
from harness.record import Run
from harness.report.figures import percent_text
from harness.report.malloc import KEEPING, allocators_of
from harness.stats.modes import Modes
from harness.units import NS_PER_US

TO_KEEP: Final = f'`malloc = "keep"` ({KEEPING}, only both of them together)'
MIN_TIMES_FEWER: Final = 1.5  # rounds


def mode_texts(analysis: RunAnalysis) -> Iterator[tuple[str, str]]:
    """Yield the topologies whose launches fell into two modes, one of which costs more: what was found, and advice."""
    for summary in analysis.summaries:
        modes = modes_of(summary.name, analysis.trials)
        if modes is not None:
            yield _modes_text(summary, modes), f"{_cause_text(analysis.run, summary)} {_scatter_text(modes)}".strip()


def fault_cost_text(analysis: RunAnalysis) -> tuple[str, str] | None:
    """Return what the launches of topologies all pay for page faults that their malloc may be the reason of, and advice
    on it; None where there are none, and where the run compares that malloc with one that keeps its memory."""
    run = analysis.run
    if any(topology.malloc == "keep" for topology in run.scenario.topologies):
        return None
    costs = {each.name: cost for each in analysis.summaries if (cost := fault_cost_of(each.trials))}
    found = [
        f"`{name}` {_range_text(cost.least, cost.most)} a request ({percent_text(cost.share)} of its CPU)"
        for name, cost in costs.items()
        if _is_from_glibc(run, name)
    ]
    if not found:
        return None
    return (
        f"Every launch had to pay for minor page faults: {', '.join(found)}, at {FAULT_NS / NS_PER_US} µs each. On"
        " virtual machines they take several times that.",
        "Pages that malloc gives back to the kernel and takes again may be the reason: `--malloc both` shows what"
        f" {TO_KEEP} would bring, and what it takes in memory.",
    )


def _modes_text(summary: TopologySummary, modes: Modes) -> str:
    rounds = [summary.trials[place].block for place in modes.dear]
    return (
        f"{len(modes.dear)} of {modes.launches} launches of `{summary.name}` (round{_numbers_text(rounds)}) paid"
        f" {_count_text(modes.high)} minor page faults a request and {percent_text(modes.cost_ratio - 1)} more CPU than"
        f" the others, which paid {_count_text(modes.low)} (p = {modes.p_value:.2g})."
    )


def _cause_text(run: Run, summary: TopologySummary) -> str:
    if summary.topology.malloc == "keep":
        return "Its malloc keeps its memory already: see what else maps memory and gives it back."
    if not _is_from_glibc(run, summary.name):
        return "Its memory is not from glibc's malloc: see how its own allocator gives memory back to the kernel."
    if any(topology.malloc == "keep" for topology in run.scenario.topologies):
        return "malloc gives memory back to the kernel and takes it again, or does not, by chance."
    return (
        "malloc gives memory back to the kernel and takes it again, or does not, by chance, for as long as a launch"
        f" lives. {TO_KEEP} or jemalloc would take that out; `--malloc both` shows what it brings."
    )


def _scatter_text(modes: Modes) -> str:
    """Return by how much modes lengthen a comparison; empty where that is little."""
    times = (modes.scatter / modes.scatter_within) ** 2 if modes.scatter_within else 0.0
    if times < MIN_TIMES_FEWER:
        return ""
    return (
        f"Its CPU per request scatters by {percent_text(modes.scatter)} from launch to launch, and by"
        f" {percent_text(modes.scatter_within)} within a mode: without modes, some {times:.0f} times fewer rounds would"
        " show as much."
    )


def _is_from_glibc(run: Run, topology: str) -> bool:
    """Return True unless it is known that the memory of a topology is from another allocator."""
    found = allocators_of(run, topology)
    return not found or "glibc" in found


def _numbers_text(numbers: Sequence[int]) -> str:
    """Return the number after "round", or several of them after "rounds"."""
    if len(numbers) == 1:
        return f" {numbers[0]}"
    return f"s {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def _range_text(least: float, most: float) -> str:
    least_text, most_text = _count_text(least), _count_text(most)
    return least_text if least_text == most_text else f"{least_text} to {most_text}"


def _count_text(number: float) -> str:
    """Return whole numbers from 10 up, and one decimal below."""
    return f"{number:,.0f}" if number >= 9.95 else f"{number:.1f}"
