"""The rotations of sliced rounds: what two topologies differ by in each, and how much of that the cores explain.

Slices of one rotation are a fraction of a second apart, and still meet cores of different speed. Since each has a core
speed of its own, the rotations show how much a figure depends on it (:mod:`harness.stats.paired`).
"""

from collections.abc import Callable, Iterator, Sequence
from math import log
from statistics import harmonic_mean
from typing import Final, NamedTuple

from harness.analysis.metrics import CPU, P50, P99, THROUGHPUT, Metric
from harness.analysis.trials import Trial, have_equal_workers
from harness.record import Slice
from harness.stats.paired import slope_within

Rounds = Sequence[tuple[Trial, Trial]]  # the trials of the baseline and of the topology, round by round
Figures = Callable[[Trial], Sequence[float | None]]  # slice by slice, more where it is better

FIGURES: Final[dict[str, Figures]] = {
    THROUGHPUT.name: lambda trial: [part.requests_per_s for part in trial.slices],
    CPU.name: lambda trial: [part.answered / part.cpu_s if part.cpu_s > 0 else None for part in trial.slices],
    P50.name: lambda trial: [1 / row.p50_ms if row.p50_ms else None for row in trial.load.series],
    P99.name: lambda trial: [1 / row.p99_ms if row.p99_ms else None for row in trial.load.series],
}


class Rotation(NamedTuple):
    """One rotation of two topologies: how much better the second is than the first (a log-ratio), and how much faster
    its cores were (a log-ratio; 0 where that is unknown)."""

    gain: float
    speed: float


def pair_rounds(baseline: Sequence[Trial], trials: Sequence[Trial]) -> Rounds:
    """Return the trials of both in the rounds that are sliced."""
    of_baseline = {trial.block: trial for trial in baseline if trial.slices}
    return [(of_baseline[trial.block], trial) for trial in trials if trial.slices and trial.block in of_baseline]


def core_speed_slope(metric: Metric, rounds: Rounds) -> float | None:
    """Return the effect of the core speed on the metric, from the rotations of the rounds; None where they are too few,
    or the metric has no figure of a slice."""
    if metric.name not in FIGURES:
        return None
    found = [list(_rotations(before, after, metric)) for before, after in rounds]
    return slope_within([[each.gain for each in one] for one in found], [[each.speed for each in one] for one in found])


def rotation_logs(baseline: Sequence[Trial], trials: Sequence[Trial], metric: Metric) -> list[list[float]]:
    """Return, round by round, how much better a topology was than the baseline in each rotation, in order of time
    (log-ratios). Between equally many workers it is that at equal core speed. Rounds of whole trials are left out."""
    rounds = pair_rounds(baseline, trials)
    slope = (core_speed_slope(metric, rounds) or 0.0) if have_equal_workers(baseline, trials) else 0.0
    return [[each.gain - slope * each.speed for each in _rotations(before, after, metric)] for before, after in rounds]


def pace_us_of(trial: Trial, metric: Metric) -> float | None:
    """Return the core speed that the metric's figure of the trial met: of slices, that in their windows where the
    figure is of these alone. None where it is unknown, and in turns, which share out every speed."""
    if any(part.in_turns_s for part in trial.slices):
        return None
    if not trial.slices or not metric.is_of_window:
        return trial.pace_us
    of_slices = [pace_us for part in trial.slices if (pace_us := _slice_pace_us(part, metric)) is not None]
    return harmonic_mean(of_slices) if of_slices else trial.pace_us


def _slice_pace_us(part: Slice, metric: Metric) -> float | None:
    """Return the core speed that the metric's figure of a slice met. Records of before have that from idle to idle."""
    if part.in_turns_s:
        return None
    in_window = part.window_pace_us if metric.is_of_window else None
    return part.pace_us if in_window is None else in_window


def _rotations(before: Trial, after: Trial, metric: Metric) -> Iterator[Rotation]:
    figures = FIGURES[metric.name]
    for was, now, first, second in zip(figures(before), figures(after), before.slices, after.slices, strict=False):
        if was and now:
            one_us, other_us = _slice_pace_us(first, metric), _slice_pace_us(second, metric)
            yield Rotation(log(now / was), log(one_us / other_us) if one_us and other_us else 0.0)
