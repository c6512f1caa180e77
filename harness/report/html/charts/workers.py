"""CPU and memory of every worker: how evenly the cluster shares the work, and what it costs."""

from typing import Final

from bokeh.models import HBar, Range1d, Scatter
from bokeh.plotting import figure

from harness.record import Run
from harness.report.charts.style import MOST_MARKS, times_over
from harness.report.charts.workers import GROUP_WIDTH, Metric, by_rank, cpu_cores, memory_label, memory_mib
from harness.report.html.charts.style import (
    Chart,
    Drawn,
    drawn_text,
    hovering,
    looks,
    rows_plot,
    source_of,
)
from harness.report.summary import TopologySummary

ABOUT: Final = "A bar is one worker, the busiest on top: the mean over trials; a dot is one trial."
HEADROOM: Final = 1.08


def draw_cpu(run: Run, summaries: list[TopologySummary]) -> Chart:
    """Cores that each worker kept busy."""
    return _chart("CPU per worker", summaries, cpu_cores, "CPU, cores", 2)


def draw_memory(run: Run, summaries: list[TopologySummary]) -> Chart:
    """Memory of each worker."""
    return _chart("Memory per worker", summaries, memory_mib, memory_label(summaries), 1)


def _chart(title: str, summaries: list[TopologySummary], metric: Metric, label: str, decimals: int) -> Chart:
    ranked = [by_rank(summary, metric) for summary in summaries]
    every = [value for workers in ranked for values in workers.values() for value in values]
    one_in = times_over(len(every), MOST_MARKS)
    most = max(every, default=1.0)
    made = rows_plot(summaries, x_range=Range1d(start=0, end=HEADROOM * most or 1.0), x_axis_label=label)
    bars = [
        _topology(made, row, summary.name, workers, decimals, one_in)
        for row, (summary, workers) in enumerate(zip(summaries, ranked, strict=True))
        if workers
    ]
    hovering(made, bars, ["worker", "mean", "trials"])
    return Chart(title, ABOUT + drawn_text(one_in), made)


def _topology(made: figure, row: int, name: str, workers: dict[int, list[float]], decimals: int, one_in: int) -> Drawn:
    colour, width = looks(row).colour, GROUP_WIDTH / len(workers)
    places = {rank: row - GROUP_WIDTH / 2 + (rank + 0.5) * width for rank in workers}
    bars = source_of(
        {
            "y": places[rank],
            "x": sum(values) / len(values),
            "worker": f"{rank + 1} of {len(workers)}, by CPU",
            "mean": f"{sum(values) / len(values):.{decimals}f}",
            "trials": len(values),
        }
        for rank, values in workers.items()
    )
    dots = source_of({"x": value, "y": places[rank]} for rank, values in workers.items() for value in values[::one_in])
    bar = HBar(y="y", right="x", height=width * 0.85, fill_color=colour, fill_alpha=0.45, line_color=None)
    drawn = made.add_glyph(bars, bar, name=name)
    made.add_glyph(dots, Scatter(x="x", y="y", size=3.5, fill_color=colour, line_color=None), name=name)
    return drawn
