"""The charts of a run, each in PNG and SVG: readable in print, in grey and to the colour-blind."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from harness.record import Run
from harness.report.charts import latency, speedup, throughput, timeline, workers
from harness.report.charts.style import house_style, save
from harness.report.summary import TopologySummary

CHARTS: Final[dict[str, Callable[[Run, list[TopologySummary]], Figure]]] = {
    "throughput": throughput.draw,
    "speedup": speedup.draw,
    "latency": latency.draw,
    "timeline": timeline.draw,
    "workers": workers.draw,
}


def write_charts(run: Run, summaries: list[TopologySummary], folder: Path) -> list[str]:
    """Draw what was measured into ``folder``; return the names drawn. None without a trial that counts.

    An open loop has no speed-up: all topologies serve what is offered, or fail to. Nor have two commits.
    """
    measured = [summary for summary in summaries if summary.trials]
    if not measured:
        return []
    folder.mkdir(exist_ok=True)
    is_scaled = run.scenario.load.arrivals is None and not run.scenario.is_of_two_commits
    charts = {name: draw for name, draw in CHARTS.items() if name != "speedup" or is_scaled}
    with house_style():
        for name, draw in charts.items():
            save(draw(run, measured), folder / name)
    return list(charts)
