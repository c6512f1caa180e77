"""CPU and memory of every worker: how evenly the cluster shares the work, and what it costs."""

from typing import Final

from bokeh.models import HBar, Range1d, Scatter
from bokeh.plotting import figure

from harness.analysis.run import RunAnalysis
from harness.report.charts.workers import TopologyWorkers, WorkersPanel, workers_data
from harness.report.html.charts.style import Chart, Renderer, add_hover, make_rows_plot, source_of, thinning_text

ABOUT: Final = "A bar is one worker, the busiest on top: the mean over trials; a dot is one trial."
HEADROOM: Final = 1.08


def draw_cpu(analysis: RunAnalysis) -> Chart:
    """Return a chart of the cores that each worker kept busy."""
    data = workers_data(analysis)
    return _draw("CPU per worker", data.cpu, data.one_in, decimals=2)


def draw_memory(analysis: RunAnalysis) -> Chart:
    """Return a chart of the memory of each worker."""
    data = workers_data(analysis)
    return _draw("Memory per worker", data.memory, data.one_in, decimals=1)


def _draw(title: str, panel: WorkersPanel, one_in: int, decimals: int) -> Chart:
    names = [each.topology for each in panel.topologies]
    end = HEADROOM * panel.highest or 1.0
    plot = make_rows_plot(names, x_range=Range1d(start=0, end=end), x_axis_label=panel.label)
    bars = [_draw_topology(plot, row, each, decimals) for row, each in enumerate(panel.topologies) if each.bars]
    add_hover(plot, bars, ["worker", "mean", "trials"])
    return Chart(title, ABOUT + thinning_text(one_in), plot)


def _draw_topology(plot: figure, row: int, topology: TopologyWorkers, decimals: int) -> Renderer:
    """Draw its bars and dots; return the bars, which can be hovered over."""
    name, colour = topology.topology, topology.style.colour
    bars = source_of(
        {
            "y": row + bar.offset,
            "x": bar.mean,
            "worker": f"{bar.rank + 1} of {len(topology.bars)}, by CPU",
            "mean": f"{bar.mean:.{decimals}f}",
            "trials": bar.trials,
        }
        for bar in topology.bars
    )
    dots = source_of({"x": dot, "y": row + bar.offset} for bar in topology.bars for dot in bar.dots)
    glyph = HBar(y="y", right="x", height=topology.bars[0].width, fill_color=colour, fill_alpha=0.45, line_color=None)
    renderer = plot.add_glyph(bars, glyph, name=name)
    plot.add_glyph(dots, Scatter(x="x", y="y", size=3.5, fill_color=colour, line_color=None), name=name)
    return renderer
