"""Speed-up over the baseline against the number of workers, with the ideal and the cores there are."""

from matplotlib.figure import Figure

from harness.record import Run
from harness.report.charts.style import MUTED, figure, look, name_lines, top_for
from harness.report.summary import TopologySummary


def draw(run: Run, summaries: list[TopologySummary]) -> Figure:
    """A line for each family of clusters, a lone mark for what is not a cluster; the baseline is 1."""
    drawn = figure(f"{run.scenario.name}: speed-up over {run.scenario.baseline.name}")
    axes = drawn.add_subplot()
    families = list(dict.fromkeys(summary.topology.family for summary in summaries))
    counts = sorted({1, *(summary.topology.workers or 1 for summary in summaries)})
    most, cores = counts[-1], run.environment.usable_cores
    axes.plot([1, most], [1, most], color=MUTED, linestyle=":", linewidth=1.2, label="ideal")
    if cores <= most:
        axes.axvline(cores, color=MUTED, linestyle="--", linewidth=1)
        axes.annotate(f"{cores} cores", (cores, 0), (4, 4), ("data", "axes fraction"), "offset points", color=MUTED)
    for index, family in enumerate(families):
        members = sorted(
            (summary for summary in summaries if summary.topology.family == family),
            key=lambda summary: summary.topology.workers or 1,
        )
        points = [(s.topology.workers or 1, *_interval(s)) for s in members if s.ratio or s.topology.baseline]
        if not points:
            continue
        at, ratio, below, above = (list(column) for column in zip(*points, strict=True))
        style = look(index)
        axes.errorbar(
            at,
            ratio,
            yerr=[below, above],
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


def _interval(summary: TopologySummary) -> tuple[float, float, float]:
    """The ratio, and how far its interval reaches below and above it; the baseline's is 1 by definition."""
    ratio = summary.ratio
    if ratio is None:
        return 1.0, 0.0, 0.0
    if ratio.low is None or ratio.high is None:
        return ratio.value, 0.0, 0.0
    return ratio.value, ratio.value - ratio.low, ratio.high - ratio.value
