"""Speed-up over the baseline against the number of workers, with the ideal and the cores there are."""

from dataclasses import dataclass

from matplotlib.figure import Figure

from harness.record import Run
from harness.report.charts.style import MUTED, figure, look, name_lines, top_for
from harness.report.summary import TopologySummary


@dataclass(frozen=True)
class SpeedUp:
    """How many times as fast as the baseline one topology is, and the ends of the interval; where there is none, as for
    the baseline itself, they are the ratio."""

    topology: str
    workers: int
    ratio: float
    low: float
    high: float


def draw(run: Run, summaries: list[TopologySummary]) -> Figure:
    """A line for each family of clusters, a lone mark for what is not a cluster; the baseline is 1."""
    drawn = figure(f"{run.scenario.name}: speed-up over {run.scenario.baseline.name}")
    axes = drawn.add_subplot()
    counts = sorted({1, *(summary.workers or 1 for summary in summaries)})
    most, cores = counts[-1], run.environment.usable_cores
    axes.plot([1, most], [1, most], color=MUTED, linestyle=":", linewidth=1.2, label="ideal")
    if cores <= most:
        axes.axvline(cores, color=MUTED, linestyle="--", linewidth=1)
        axes.annotate(f"{cores} cores", (cores, 0), (4, 4), ("data", "axes fraction"), "offset points", color=MUTED)
    for index, (family, points) in enumerate(speedups(summaries).items()):
        if not points:
            continue
        style = look(index)
        axes.errorbar(
            [point.workers for point in points],
            [point.ratio for point in points],
            yerr=[[point.ratio - point.low for point in points], [point.high - point.ratio for point in points]],
            color=style.colour,
            marker=style.marker,
            linestyle=style.dashes,
            capsize=4,
            label=family,
            markersize=7 if len(points) > 1 else 9,
            markerfacecolor=style.colour if len(points) > 1 else "white",
            zorder=3 if len(points) > 1 else 4,
        )
    axes.set_xticks(counts)
    axes.set_xlim(0.7, most + 0.3)
    ratios = [summary.ratio for summary in summaries if summary.ratio]
    axes.set_ylim(0, top_for([2.0, *(ratio.value for ratio in ratios)], [ratio.high for ratio in ratios]))
    axes.set_xlabel("workers")
    axes.set_ylabel(f"requests/s ÷ those of {run.scenario.baseline.name}")
    name_lines(drawn, axes)
    return drawn


def speedups(summaries: list[TopologySummary]) -> dict[str, list[SpeedUp]]:
    """By family, the fewest workers first; no points where nothing of a family was compared."""
    families: dict[str, list[SpeedUp]] = {summary.topology.family: [] for summary in summaries}
    for summary in sorted(summaries, key=lambda summary: summary.workers or 1):
        if summary.ratio or summary.topology.baseline:
            families[summary.topology.family].append(_speedup(summary))
    return families


def _speedup(summary: TopologySummary) -> SpeedUp:
    """The baseline's is 1 by definition."""
    ratio, workers = summary.ratio, summary.workers or 1
    if ratio is None:
        return SpeedUp(summary.name, workers, 1.0, 1.0, 1.0)
    low, high = (ratio.value if end is None else end for end in (ratio.low, ratio.high))
    return SpeedUp(summary.name, workers, ratio.value, low, high)
