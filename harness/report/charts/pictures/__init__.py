"""The charts of a run as pictures, each in PNG and SVG: readable in print, in grey and to the colour-blind."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from harness.analysis.run import RunAnalysis
from harness.report.charts import chart_names
from harness.report.charts.pictures import heat_map, latency, speedup, sweep, throughput, timeline, workers
from harness.report.charts.pictures.style import house_style, save

CHARTS: Final[dict[str, Callable[[RunAnalysis], Figure]]] = {
    "grid": heat_map.draw,
    "sweep": sweep.draw,
    "throughput": throughput.draw,
    "speedup": speedup.draw,
    "latency": latency.draw,
    "timeline": timeline.draw,
    "workers": workers.draw,
}


def write_charts(analysis: RunAnalysis, folder: Path) -> None:
    """Draw what was measured into ``folder``, which is made if there is anything to draw."""
    if names := chart_names(analysis):
        folder.mkdir(exist_ok=True)
        with house_style():
            for name in names:
                save(CHARTS[name](analysis), folder / name)
