"""The interleaving of the trials of a round, and what it says of the scatter between rounds, in words."""

from collections.abc import Iterator
from typing import Final

from harness.analysis.metrics import THROUGHPUT
from harness.analysis.rotations import rotation_logs
from harness.analysis.run import RunAnalysis
from harness.record import Run
from harness.report.figures import percent_text
from harness.report.markup import plain
from harness.stats.variance import Limit, estimate_variances
from harness.units import duration_text

ADVICE: Final = {
    Limit.LAUNCHES: "more rounds narrow the interval, longer rounds hardly do",
    Limit.ROTATIONS: "longer rounds (--duration) narrow the interval, or a quieter machine",
    Limit.BOTH: "more and longer rounds narrow the interval",
}


def interleaving_text(run: Run) -> str:
    """Return, as one sentence in Markdown, how the trials of a round took turns; empty for whole trials, unless it was
    chosen for a reason."""
    taking, of = run.info.interleaving, "a pair" if run.scenario.is_of_pairs else "a round"
    slice_text = duration_text(taking.slice_s or 0.0)
    match taking.kind:
        case "slices" if taking.turn_s is not None:
            return (
                f"The topologies of {of} were up together, and measured at the same time, in turns of"
                f" {duration_text(taking.turn_s)} between which they were stopped: each for {_slices_text(run)} times"
                f" {slice_text} in a round."
            )
        case "slices":
            return (
                f"The topologies of {of} were up together, and load alternated between them in slices of"
                f" {slice_text}, {_slices_text(run)} for each in a round."
            )
        case "both":
            return f"Rounds in slices of {slice_text} and rounds of whole trials took turns."
        case "trials" if taking.why:
            return f"Trials were measured whole, one after the other, and not in slices: {plain(taking.why)}."
    return ""


def _slices_text(run: Run) -> str:
    """Return how many slices each topology had in a round: ``6``, or ``2 to 6`` where that was planned anew."""
    numbers = sorted({len(record.slices) for record in run.records if record.slices}) or [0]
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def scatter_texts(analysis: RunAnalysis) -> Iterator[str]:
    """Yield, for each topology that was measured in slices beside its baseline, what the scatter of the ratio of their
    requests/s is made of, and what would narrow its interval. One sentence in Markdown."""
    for baseline, other in analysis.run.scenario.pairs:
        parts = estimate_variances(
            rotation_logs(analysis.trials[baseline.name], analysis.trials[other.name], THROUGHPUT)
        )
        if parts is not None:
            scatter = parts.of_round(parts.rotations) ** 0.5
            yield (
                f"`{other.name}` beside `{baseline.name}` scatters by {percent_text(scatter)} from round to round, in"
                f" requests/s: by {percent_text(parts.between**0.5)} from launch to launch, and by"
                f" {percent_text(parts.within**0.5)} from slice to slice, of which a round has {parts.rotations:.0f}."
                f" So {ADVICE[parts.limit]}."
            )
