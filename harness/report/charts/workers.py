"""CPU and memory of every worker: how evenly the cluster shares the work, and what it costs."""

from collections import defaultdict
from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.analysis.trials import Trial
from harness.record import ProcessUsage, Run
from harness.report.charts.style import MOST_MARKS, figure, look, name_ticks, times_over, trials_text, width_for
from harness.report.summary import TopologySummary, is_proportional

GROUP_WIDTH = 0.8

Metric = Callable[[Trial, ProcessUsage], float | None]


def draw(run: Run, summaries: list[TopologySummary]) -> Figure:
    """A bar for each worker of each topology, the busiest first: the mean over trials; a dot is one trial."""
    one_in = times_over(sum(len(trial.workers) for summary in summaries for trial in summary.trials), MOST_MARKS)
    title = f"{run.scenario.name}: CPU and memory per worker, busiest first (dot: {trials_text(one_in)})"
    drawn = figure(title, width_for(summaries), height_in=5.5)
    above, below = drawn.subplots(2, 1, sharex=True)
    _panel(above, summaries, cpu_cores, one_in)
    _panel(below, summaries, memory_mib, one_in)
    above.set_ylabel("CPU, cores")
    below.set_ylabel(memory_label(summaries))
    name_ticks(below, summaries)
    above.grid(visible=False, axis="x")
    return drawn


def cpu_cores(trial: Trial, process: ProcessUsage) -> float:
    """What it used on the average of the window."""
    return process.cpu_s / trial.usage.window_s


def memory_mib(trial: Trial, process: ProcessUsage) -> float | None:
    """As the window ended; None where the process had ended before."""
    return None if process.ended else trial.memory_of(process) / 2**20


def memory_label(summaries: list[TopologySummary]) -> str:
    """What kind of memory it is."""
    return f"{'proportional' if is_proportional(summaries) else 'resident'} memory, MiB"


def by_rank(summary: TopologySummary, metric: Metric) -> dict[int, list[float]]:
    """Of each worker, the busiest first, its figure in every trial."""
    ranked: defaultdict[int, list[float]] = defaultdict(list)
    for trial in summary.trials:
        for rank, value in enumerate(_values(trial, metric)):
            if value is not None:
                ranked[rank].append(value)
    return ranked


def _panel(axes: Axes, summaries: list[TopologySummary], metric: Metric, one_in: int) -> None:
    for column, summary in enumerate(summaries):
        ranked = by_rank(summary, metric)
        width, style = GROUP_WIDTH / max(len(ranked), 1), look(column)
        for rank, values in ranked.items():
            at = column - GROUP_WIDTH / 2 + (rank + 0.5) * width
            axes.bar(at, sum(values) / len(values), width * 0.85, color=style.colour, alpha=0.45, linewidth=0)
            dots = values[::one_in]
            axes.plot([at] * len(dots), dots, ".", color=style.colour, markersize=4)


def _values(trial: Trial, metric: Metric) -> list[float | None]:
    return [metric(trial, process) for process in sorted(trial.workers, key=lambda process: -process.cpu_s)]
