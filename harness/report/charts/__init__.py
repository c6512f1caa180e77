"""The charts of a run: what each of them shows, computed once.

A module here computes what one chart shows, as a frozen data class. :mod:`harness.report.charts.pictures` paints it
with Matplotlib, in PNG and SVG; :mod:`harness.report.html.charts` paints the same with Bokeh, for the page.
"""

from typing import Final

from harness.analysis.run import RunAnalysis
from harness.report.charts.speedup import has_speedup
from harness.report.charts.sweep import has_sweep

NAMES: Final = ("grid", "sweep", "throughput", "speedup", "latency", "timeline", "workers")


def chart_names(analysis: RunAnalysis) -> list[str]:
    """Return the names of the charts that there are; none without a trial that counts."""
    if not analysis.measured_summaries:
        return []
    is_drawn = {
        "speedup": has_speedup(analysis),
        "grid": bool(analysis.grids),
        "sweep": has_sweep(analysis),
    }
    left_out = {name for name, is_one in is_drawn.items() if not is_one}
    return [name for name in NAMES if name not in left_out]
