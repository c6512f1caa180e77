"""Speed-up over the baseline against the number of workers, with the ideal and the cores there are."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.analysis.run import RunAnalysis
from harness.report.charts.pictures.style import add_legend, make_figure
from harness.report.charts.speedup import UNIT, FamilySpeedUp, speedup_data
from harness.report.charts.style import MUTED


def draw(analysis: RunAnalysis) -> Figure:
    """Return a figure with a line for each family of clusters, and a lone mark for what is not a cluster."""
    data = speedup_data(analysis)
    figure = make_figure(f"{data.scenario}: speed-up over {data.baseline}")
    axes = figure.add_subplot()
    ends = [1, data.max_workers]
    axes.plot(ends, ends, color=MUTED, linestyle=":", linewidth=1.2, label="ideal")
    if data.shows_cores:
        place = (data.cores, 0)
        axes.axvline(data.cores, color=MUTED, linestyle="--", linewidth=1)
        text = f"{data.cores} core{'s' if data.cores > 1 else ''}"
        axes.annotate(text, place, (4, 4), ("data", "axes fraction"), "offset points", color=MUTED)
    for family in data.families:
        _draw_family(axes, family)
    axes.set_xticks(data.counts)
    axes.set_xlim(*data.workers_range)
    axes.set_ylim(0, data.axis_end)
    axes.set_xlabel(UNIT)
    axes.set_ylabel(data.ratio_label)
    add_legend(figure, axes)
    return figure


def _draw_family(axes: Axes, family: FamilySpeedUp) -> None:
    style, points = family.style, family.points
    axes.errorbar(
        [point.workers for point in points],
        [point.ratio for point in points],
        yerr=[[point.ratio - point.low for point in points], [point.high - point.ratio for point in points]],
        color=style.colour,
        marker=style.marker,
        linestyle=style.dashes,
        capsize=4,
        label=family.family,
        markersize=7 if family.is_line else 9,
        markerfacecolor=style.colour if family.is_line else "white",
        zorder=3 if family.is_line else 4,
    )
