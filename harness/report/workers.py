"""The figures of each worker, the busiest first: medians over the trials of a topology."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from statistics import median

from harness.analysis.imbalance import requests_of_workers
from harness.analysis.summary import TopologySummary
from harness.analysis.trials import Trial


@dataclass(frozen=True)
class WorkerFigures:
    """One cluster, with a figure for each worker, greatest first. ``shares`` of the requests are empty when the server
    does not name its workers."""

    summary: TopologySummary
    shares: list[float]
    cpu_cores: list[float]
    memory_bytes: list[float]


def worker_rows(summaries: list[TopologySummary]) -> Iterator[WorkerFigures]:
    """Yield the topologies with more than one worker, from the trials that replaced none of them."""
    for summary in summaries:
        trials = [trial for trial in summary.trials if trial.kept_its_workers]
        cpu_cores = _medians(trials, cpu_of_workers)
        if len(cpu_cores) > 1:
            shares = [_shares(requests) for trial in trials if any(requests := requests_of_workers(trial))]
            yield WorkerFigures(summary, _by_rank(shares), cpu_cores, _medians(trials, memory_of_workers))


def replica_texts(summaries: list[TopologySummary]) -> Iterator[str]:
    """Yield, for each topology with replicas, how its connections were dealt to them in its last trial, in Markdown."""
    for summary in summaries:
        dealt = summary.trials[-1].load.open_by_port if summary.trials else {}
        if dealt:
            how = summary.topology.balance.replace("-", " ")
            yield (
                f"`{summary.name}`: the generator dealt its connections to {len(dealt)} replicas ({how}),"
                f" {', '.join(map(str, sorted(dealt.values(), reverse=True)))} at the end of the last window."
            )


def _shares(requests: Sequence[int]) -> list[float]:
    return [count / sum(requests) for count in requests]


def cpu_of_workers(trial: Trial) -> list[float]:
    """Return how many cores each worker kept busy, on the average of the window, including those that ended in it."""
    return [process.cpu_s / trial.usage.window_s for process in trial.workers]


def memory_of_workers(trial: Trial) -> list[float]:
    """Return the memory (bytes) of each worker that was there at the end."""
    return [float(trial.memory_of(process)) for process in trial.workers if not process.ended]


def _medians(trials: Sequence[Trial], figures: Callable[[Trial], list[float]]) -> list[float]:
    return _by_rank([figures(trial) for trial in trials])


def _by_rank(trials: Sequence[Sequence[float]]) -> list[float]:
    """Return the median of the greatest figure of each trial, of the second greatest, and so on."""
    ranked = zip_longest(*(sorted(values, reverse=True) for values in trials))
    return [median(value for value in values if value is not None) for values in ranked]
