"""What each worker did, the busiest first: the median over the trials of a topology."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from statistics import median

from harness.analysis.balance import requests_of_workers
from harness.analysis.measured import Measured
from harness.record import ProcessUsage
from harness.report.summary import TopologySummary


@dataclass(frozen=True)
class WorkersRow:
    """One cluster, a figure a worker, greatest first. ``shares`` of the requests are empty when the server does not
    name its workers."""

    summary: TopologySummary
    shares: list[float]
    cpu_cores: list[float]
    rss_bytes: list[float]


def worker_rows(summaries: list[TopologySummary]) -> Iterator[WorkersRow]:
    """The topologies with more than one worker."""
    for summary in summaries:
        cpu_cores = _medians(summary.trials, lambda process, window_s: process.cpu_s / window_s)
        if len(cpu_cores) > 1:
            shares = [_shares(requests) for trial in summary.trials if any(requests := requests_of_workers(trial))]
            rss_bytes = _medians(summary.trials, lambda process, _: float(process.rss_bytes))
            yield WorkersRow(summary, _by_rank(shares), cpu_cores, rss_bytes)


def _shares(requests: Sequence[int]) -> list[float]:
    return [count / sum(requests) for count in requests]


def _medians(trials: Sequence[Measured], figure: Callable[[ProcessUsage, float], float]) -> list[float]:
    return _by_rank(
        [
            [figure(process, trial.usage.window_s) for process in trial.usage.processes if process.role == "worker"]
            for trial in trials
        ]
    )


def _by_rank(trials: Sequence[Sequence[float]]) -> list[float]:
    """The median of the greatest of each trial, of the second greatest, and so on."""
    ranked = zip_longest(*(sorted(values, reverse=True) for values in trials))
    return [median(value for value in values if value is not None) for values in ranked]
