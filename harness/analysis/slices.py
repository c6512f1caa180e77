"""The slices of the trials of a run: what weakens what they say."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, log1p
from typing import Final

from harness.analysis.metrics import THROUGHPUT
from harness.analysis.rotations import rotation_logs
from harness.analysis.trials import Trial
from harness.stats.estimate import Estimate, ratio_of
from harness.stats.paired import Paired
from harness.stats.trend import LEVEL, Trend, find_trend

MAX_STALLED: Final = 0.05  # of a slice's duration


@dataclass(frozen=True)
class SlicedUse:
    """The slices of all trials of one topology: how many there are, how many ``stalled`` (the generator was kept from
    running for more than a twentieth of them), how many requests they ``answered``, and how many were ``undrained`` at
    their ends or ``outlasting`` their windows. The cores that the server kept busy are told apart: ``own_cores`` under
    its own load, ``idle_cores`` under that of others."""

    slices: int
    stalled: int
    answered: int
    undrained: int
    outlasting: int
    own_cores: float
    idle_cores: float

    @classmethod
    def of(cls, trials: Sequence[Trial]) -> "SlicedUse | None":
        """Return the slices of these trials; None if they have none."""
        slices = [part for trial in trials for part in trial.slices]
        if not slices:
            return None
        return cls(
            slices=len(slices),
            stalled=sum(part.stalled_s > MAX_STALLED * part.duration_s for part in slices),
            answered=sum(part.answered for part in slices),
            undrained=sum(part.undrained for part in slices),
            outlasting=sum(part.outlasting for part in slices),
            own_cores=_cores([part.cpu_s for part in slices], [part.loaded_s for part in slices]),
            idle_cores=_cores([part.idle_cpu_s for part in slices], [part.idle_s for part in slices]),
        )


@dataclass(frozen=True)
class Agreement:
    """The ratio of a topology's good responses per second to its baseline's by both ways of measuring, in a run that
    has both. ``p_value`` is that of a difference between them (Welch's t test of the log-ratios)."""

    by_slices: Estimate
    by_trials: Estimate
    p_value: float

    @property
    def is_denied(self) -> bool:
        """True if chance does not explain what the two differ by."""
        return self.p_value <= LEVEL


def find_agreement(baseline: Sequence[Trial], trials: Sequence[Trial]) -> Agreement | None:
    """Return whether slices and whole trials say the same; None where either has fewer than two rounds."""
    of_baseline = {trial.block: trial for trial in baseline if trial.good_per_s > 0}
    logs: dict[bool, list[float]] = {True: [], False: []}
    for trial in trials:
        if trial.block in of_baseline and trial.good_per_s > 0:
            logs[bool(trial.slices)].append(log(trial.good_per_s / of_baseline[trial.block].good_per_s))
    if min(map(len, logs.values())) < 2:
        return None
    from scipy.stats import ttest_ind  # the import takes a second, which only runs that have both need

    p_value = float(ttest_ind(logs[True], logs[False], equal_var=False).pvalue)
    by_slices, by_trials = (ratio_of(Paired(tuple(logs[sliced]))) for sliced in (True, False))
    return Agreement(by_slices, by_trials, p_value)


def find_drift(margin: float, baseline: Sequence[Trial], trials: Sequence[Trial]) -> Trend | None:
    """Return the trend of the topology's rate, as a log-ratio to the baseline's, within the rounds of both; None unless
    it is shown to be there, and greater than the margin."""
    trend = find_trend(rotation_logs(baseline, trials, THROUGHPUT))
    return trend if trend and trend.is_shown and abs(trend.change) > log1p(margin) else None


def _cores(cpu_s: Sequence[float], elapsed_s: Sequence[float]) -> float:
    return sum(cpu_s) / sum(elapsed_s) if sum(elapsed_s) else 0.0
