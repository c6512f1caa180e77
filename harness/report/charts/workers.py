"""CPU and memory of every worker: how evenly the cluster shares the work, and what it costs."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from harness.analysis.run import RunAnalysis
from harness.analysis.summary import TopologySummary, is_proportional
from harness.analysis.trials import Trial
from harness.record import ProcessUsage
from harness.report.charts.style import MAX_MARKS, LineStyle, line_style, thinning_factor

GROUP_WIDTH: Final = 0.8  # of the bars of a topology, in columns
BAR_WIDTH: Final = 0.85  # of a bar, in the place that it has

Metric = Callable[[Trial, ProcessUsage], float | None]


@dataclass(frozen=True)
class WorkerBar:
    """One worker of a topology: ``rank`` is 0 for the one with the most CPU.

    ``mean`` is over its ``trials``; ``dots`` are the values of those that are drawn. ``offset`` is the place of the
    bar beside the middle of its topology, and ``width`` is its width, both in columns.
    """

    rank: int
    offset: float
    width: float
    mean: float
    trials: int
    dots: tuple[float, ...]


@dataclass(frozen=True)
class TopologyWorkers:
    """The bars of one topology, the busiest worker first; none where no worker has a value."""

    topology: str
    style: LineStyle
    bars: tuple[WorkerBar, ...]


@dataclass(frozen=True)
class WorkersPanel:
    """One metric of every worker, with the label of its axis and the highest value of a trial."""

    label: str
    topologies: tuple[TopologyWorkers, ...]
    highest: float


@dataclass(frozen=True)
class WorkersData:
    """CPU and memory of every worker of the topologies that were measured. One trial in ``one_in`` has a dot."""

    scenario: str
    cpu: WorkersPanel
    memory: WorkersPanel
    one_in: int


def workers_data(analysis: RunAnalysis) -> WorkersData:
    """Return the bars and dots of every worker of the topologies that were measured."""
    summaries = analysis.measured_summaries
    one_in = thinning_factor(sum(len(trial.workers) for summary in summaries for trial in summary.trials), MAX_MARKS)
    memory = f"{'proportional' if is_proportional(summaries) else 'resident'} memory, MiB"
    return WorkersData(
        scenario=analysis.run.scenario.name,
        cpu=_panel("CPU, cores", summaries, _cpu_cores, one_in),
        memory=_panel(memory, summaries, _memory_mib, one_in),
        one_in=one_in,
    )


def _panel(label: str, summaries: list[TopologySummary], metric: Metric, one_in: int) -> WorkersPanel:
    ranked = [_by_rank(summary, metric) for summary in summaries]
    topologies = tuple(
        TopologyWorkers(summary.name, line_style(index), tuple(_bars(workers, one_in)))
        for index, (summary, workers) in enumerate(zip(summaries, ranked, strict=True))
    )
    highest = max((value for workers in ranked for values in workers.values() for value in values), default=1.0)
    return WorkersPanel(label, topologies, highest)


def _bars(workers: dict[int, list[float]], one_in: int) -> Iterator[WorkerBar]:
    place = GROUP_WIDTH / max(len(workers), 1)
    for rank, values in workers.items():
        yield WorkerBar(
            rank=rank,
            offset=(rank + 0.5) * place - GROUP_WIDTH / 2,
            width=BAR_WIDTH * place,
            mean=sum(values) / len(values),
            trials=len(values),
            dots=tuple(values[::one_in]),
        )


def _by_rank(summary: TopologySummary, metric: Metric) -> dict[int, list[float]]:
    """Return the metric of each worker in every trial, by the worker's rank, the busiest first."""
    ranked: defaultdict[int, list[float]] = defaultdict(list)
    for trial in summary.trials:
        for rank, process in enumerate(sorted(trial.workers, key=lambda process: -process.cpu_s)):
            value = metric(trial, process)
            if value is not None:
                ranked[rank].append(value)
    return ranked


def _cpu_cores(trial: Trial, process: ProcessUsage) -> float:
    """Return the cores that a process kept busy on the average of the window."""
    return process.cpu_s / trial.usage.window_s


def _memory_mib(trial: Trial, process: ProcessUsage) -> float | None:
    """Return the memory of a process as the window ended; None where the process had ended before."""
    return None if process.ended else trial.memory_of(process) / 2**20
