"""The memory of workers over a long window, in sentences: whether it grows, and when it would reach a limit."""

from collections.abc import Iterator
from typing import Final

from harness.analysis.run import RunAnalysis
from harness.analysis.soak import Soak, soak_of
from harness.units import duration_text, size_text

S_PER_H: Final = 3600.0


def soak_texts(analysis: RunAnalysis) -> Iterator[str]:
    """Yield, for each trial of a soak, how the memory of a worker grows, in Markdown; nothing for other runs."""
    if analysis.run.scenario.soak_s is None:
        return
    for summary in analysis.measured_summaries:
        limit_bytes = summary.topology.memory_bytes or analysis.run.environment.memory_bytes
        for trial in summary.trials:
            of = f" (round {trial.block})" if len(summary.trials) > 1 else ""
            yield f"`{summary.name}`{of} {_soak_text(soak_of(trial, limit_bytes))}."


def _soak_text(soak: Soak | None) -> str:
    growth = soak.growth_bytes_per_s if soak else None
    if soak is None or growth is None or growth.low is None or growth.high is None:
        return "was measured too shortly to tell its growth"
    between = f"({_size_per_h(growth.low)} to {_size_per_h(growth.high)})"
    each = f"memory of each worker: {_size_per_h(growth.value)} per hour {between}"
    if growth.low <= 0:
        return f"{each}, so that no growth was shown"
    within = soak.limit_after_s
    if within is None:
        return f"{each}: **it grows**"
    soonest, latest = (duration_text(60 * max(1, round(seconds / 60))) for seconds in within)
    return (
        f"{each}: **it grows**, and all together would reach {size_text(soak.limit_bytes)} after {soonest} to {latest}"
    )


def _size_per_h(bytes_per_s: float) -> str:
    size = size_text(abs(bytes_per_s) * S_PER_H)
    return f"{'−' if bytes_per_s < 0 else '+'}{size}"
