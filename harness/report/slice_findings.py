"""The findings on slices: what the topologies of a round did to each other, or to their own figures."""

from collections.abc import Iterator
from math import expm1
from typing import Final

from harness.analysis.run import RunAnalysis
from harness.analysis.slices import SlicedUse, find_agreement, find_drift
from harness.report.figures import percent_text, ratio_text
from harness.report.finding import Finding
from harness.units import duration_text

MAX_IDLE_CORES: Final = 0.05  # used by a server while others have the load
MAX_STALLED_SLICES: Final = 0.1  # of all slices
MAX_OUTLASTING: Final = 0.001  # of the requests: a tenth of those that p99 is made of
WHOLE_TRIALS: Final = 'interleave = "trials" keeps them apart.'


def find_slice_findings(analysis: RunAnalysis) -> Iterator[Finding]:
    """Yield what weakens the figures of a run in slices; nothing where there are none."""
    for summary in analysis.summaries:
        used = SlicedUse.of(summary.trials)
        if used is not None:
            yield from _find_in_topology(summary.name, used, analysis)
    yield from _find_trends(analysis)
    if analysis.run.info.interleaving.kind == "both":
        yield from _find_agreement(analysis)


def _find_in_topology(name: str, used: SlicedUse, analysis: RunAnalysis) -> Iterator[Finding]:
    if used.idle_cores > MAX_IDLE_CORES:
        yield Finding(
            f"`{name}` kept {used.idle_cores:.2f} cores busy while others had the load ({used.own_cores:.2f} under its"
            " own), so that it slowed them down.",
            f"Look for what it does in the background, or for workers that spin; {WHOLE_TRIALS}",
        )
    slice_text = duration_text(analysis.run.info.interleaving.slice_s or 0.0)
    if used.undrained:
        yield Finding(
            f"{used.undrained:,} requests to `{name}` had no answer a second after the end of their slice, and were"
            " given up.",
            f"Slices of {slice_text} are short for such answers: give them more time (--slice). Or {WHOLE_TRIALS}",
        )
    elif used.outlasting > MAX_OUTLASTING * used.answered:
        yield Finding(
            f"{used.outlasting:,} of {used.answered:,} requests to `{name}` took longer than a slice, and so are in"
            " none of its response times: p99 may be higher.",
            f"Slices of {slice_text} are short for such answers: give them more time (--slice). Or {WHOLE_TRIALS}",
        )
    if used.stalled > MAX_STALLED_SLICES * used.slices:
        yield Finding(
            f"In {used.stalled:,} of {used.slices:,} slices of `{name}` the generator was kept from running for more"
            " than a twentieth of the time.",
            "Look for what took its core, and give it one of its own (--cpus).",
        )


def _find_trends(analysis: RunAnalysis) -> Iterator[Finding]:
    """Yield the topologies that got faster or slower, beside their baseline, while they were measured."""
    scenario, trials = analysis.run.scenario, analysis.trials
    for baseline, other in scenario.pairs:
        if trend := find_drift(scenario.margin, trials[baseline.name], trials[other.name]):
            became = f"{percent_text(expm1(abs(trend.change)))} {'faster' if trend.change > 0 else 'slower'}"
            yield Finding(
                f"`{other.name}` became {became} beside `{baseline.name}` from the first slice of a round to the last.",
                "One of the two had not settled, so that their ratio depends on when it is measured: give the load a"
                " longer warm-up.",
            )


def _find_agreement(analysis: RunAnalysis) -> Iterator[Finding]:
    """Yield, for each topology, whether slices and whole trials say the same."""
    for baseline, other in analysis.run.scenario.pairs:
        found = find_agreement(analysis.trials[baseline.name], analysis.trials[other.name])
        if found is None:
            continue
        said = (
            f"By slices, `{other.name}` served {ratio_text(found.by_slices)} what `{baseline.name}` did, by whole"
            f" trials {ratio_text(found.by_trials)}"
        )
        if found.is_denied:
            yield Finding(
                f"{said}: chance does not explain the difference.",
                "Beside the others it is not what it is alone. Believe the whole trials, and look for what they share.",
            )
        else:
            yield Finding(f"{said}: that is the same, as far as can be told.", "Both may be believed.")
