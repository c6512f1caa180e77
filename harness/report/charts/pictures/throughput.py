"""Good responses/s of each topology: every trial as a dot, hollow where the generator is doubted, beside the mean of
those that count and its interval."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.analysis.run import RunAnalysis
from harness.report.charts.pictures.style import label_columns, make_figure, trials_text, width_for
from harness.report.charts.style import LineStyle
from harness.report.charts.throughput import OFFSET, UNIT, TopologyThroughput, throughput_data
from harness.stats.estimate import Estimate

SPREAD = 0.06  # of the dots, so that those of equal trials are both seen


def draw(analysis: RunAnalysis) -> Figure:
    """Return a figure with one column a topology."""
    data = throughput_data(analysis)
    intervals = "; bar: mean and its 95 % interval" if data.has_intervals else ""
    doubted = "\nhollow: the generator was late, in the mean only where it always was" if data.has_doubted else ""
    title = f"{data.scenario}: throughput (dot: {trials_text(data.one_in)}{intervals}){doubted}"
    figure = make_figure(title, width_for(len(data.topologies)))
    axes = figure.add_subplot()
    for column, each in enumerate(data.topologies):
        _draw_trials(axes, column - OFFSET, each)
        if each.mean is not None:
            _draw_mean(axes, column + OFFSET, each.mean, each.style)
    label_columns(axes, [each.topology for each in data.topologies])
    axes.set_xlim(-0.6, len(data.topologies) - 0.3)
    axes.set_ylim(0, data.axis_end)
    axes.set_ylabel(UNIT)
    return figure


def _draw_trials(axes: Axes, middle: float, topology: TopologyThroughput) -> None:
    style = topology.style
    for is_sound, fill in ((True, style.colour), (False, "none")):
        marks = [mark for mark in topology.marks if mark.is_sound is is_sound]
        axes.plot(
            [middle + SPREAD * mark.shift for mark in marks],
            [mark.trial.good_per_s for mark in marks],
            style.marker,
            color=style.colour,
            markerfacecolor=fill,
            alpha=0.55,
            markersize=5,
        )


def _draw_mean(axes: Axes, middle: float, mean: Estimate, style: LineStyle) -> None:
    if mean.low is not None and mean.high is not None:
        error = [[mean.value - mean.low], [mean.high - mean.value]]
        axes.errorbar(middle, mean.value, yerr=error, color=style.colour, capsize=5, linewidth=1.8)
    axes.plot(middle, mean.value, "_", color=style.colour, markersize=16, markeredgewidth=2.5)
    axes.annotate(
        f"{mean.value:,.0f}" if mean.value >= 100 else f"{mean.value:.1f}",
        (middle, mean.value),
        xytext=(11, 0),
        textcoords="offset points",
        va="center",
        fontsize=9,
    )
