"""The metrics of one topology in two runs, which share no rounds."""

from collections.abc import Sequence

from harness.analysis.comparison import Pairs
from harness.analysis.metrics import Metric, Scale
from harness.analysis.trials import Trial
from harness.stats.evidence import Evidence
from harness.stats.unpaired import UnpairedDifferences, UnpairedRatios, UnpairedShares


def figures_of(trials: Sequence[Trial], metric: Metric) -> tuple[float, ...]:
    """Return one figure for each trial of which the metric is sound. A figure of zero that has no ratio is left out."""
    found = [value for trial in trials if metric.is_sound(trial) and (value := metric.of(trial)) is not None]
    return tuple(value for value in found if metric.scale is not Scale.RATIO or value > 0)


def compare_unpaired(metric: Metric, before: tuple[float, ...], after: tuple[float, ...], margin: float) -> Pairs:
    """Return both sides' figures (at least one each) with the evidence of a difference."""
    return Pairs(metric, before, after, _evidence(metric, before, after, margin))


def _evidence(metric: Metric, before: tuple[float, ...], after: tuple[float, ...], margin: float) -> Evidence:
    if metric.scale is Scale.SHARE:
        good_before, good_after = (tuple(1 - share for share in side) for side in (before, after))
        return UnpairedShares(good_before, good_after, margin)
    kind = UnpairedRatios if metric.scale is Scale.RATIO else UnpairedDifferences
    if metric.more_is_better:
        return kind(before, after, margin)
    if metric.scale is Scale.RATIO:
        return kind(after, before, margin)
    return kind(tuple(-value for value in before), tuple(-value for value in after), margin)
