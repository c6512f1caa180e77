"""CPU and memory of every worker: how evenly the cluster shares the work, and what it costs."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.analysis.run import RunAnalysis
from harness.report.charts.pictures.style import label_columns, make_figure, trials_text, width_for
from harness.report.charts.workers import WorkersPanel, workers_data


def draw(analysis: RunAnalysis) -> Figure:
    """Return a figure with a bar for each worker, the busiest first: the mean over trials; a dot is one trial."""
    data = workers_data(analysis)
    topologies = [each.topology for each in data.cpu.topologies]
    title = f"{data.scenario}: CPU and memory per worker, busiest first (dot: {trials_text(data.one_in)})"
    figure = make_figure(title, width_for(len(topologies)), height_in=5.5)
    above, below = figure.subplots(2, 1, sharex=True)
    _draw_panel(above, data.cpu)
    _draw_panel(below, data.memory)
    label_columns(below, topologies)
    above.grid(visible=False, axis="x")
    return figure


def _draw_panel(axes: Axes, panel: WorkersPanel) -> None:
    for column, topology in enumerate(panel.topologies):
        colour = topology.style.colour
        for bar in topology.bars:
            place = column + bar.offset
            axes.bar(place, bar.mean, bar.width, color=colour, alpha=0.45, linewidth=0)
            axes.plot([place] * len(bar.dots), bar.dots, ".", color=colour, markersize=4)
    axes.set_ylabel(panel.label)
