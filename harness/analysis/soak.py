"""The growth of memory over a long window, and when it would reach a limit."""

from dataclasses import dataclass

from harness.analysis.trials import Trial
from harness.stats.estimate import Estimate
from harness.stats.growth import estimate_growth


@dataclass(frozen=True)
class Soak:
    """The growth of the memory (RSS) of one worker, and after how long all processes together would reach
    ``limit_bytes``, at the soonest and at the latest: None where they would not, as far as is known."""

    growth_bytes_per_s: Estimate
    limit_bytes: float
    limit_after_s: tuple[float, float] | None


def soak_of(trial: Trial, limit_bytes: float) -> Soak | None:
    """Return the growth in the steady part of a trial; None where its window was too short."""
    pids = {process.pid for process in trial.workers}
    rows = trial.usage.series[trial.discarded_rows :]
    levels = [_of_each(row.rss_bytes, pids) for row in rows]
    growth = estimate_growth([row.end_s for row in rows], levels)
    if growth is None:
        return None
    left_bytes, workers = limit_bytes - trial.rss_bytes, trial.number_of_workers
    if growth.low is None or growth.high is None or growth.low <= 0 or left_bytes <= 0:
        return Soak(growth, limit_bytes, None)
    within = left_bytes / (growth.high * workers), left_bytes / (growth.low * workers)
    return Soak(growth, limit_bytes, within)


def _of_each(rss_bytes: dict[int, int], pids: set[int]) -> float:
    """Return the mean memory of the workers that were there."""
    there = [size for pid, size in rss_bytes.items() if pid in pids and size]
    return sum(there) / len(there) if there else 0.0
