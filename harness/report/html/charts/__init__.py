"""The charts of the page: what the pictures show, to be hovered over, zoomed into and thinned out."""

from collections.abc import Callable
from typing import Final

from harness.analysis.run import RunAnalysis
from harness.report.charts.capacity import has_probes
from harness.report.charts.speedup import has_speedup, worker_counts
from harness.report.charts.sweep import has_sweep
from harness.report.html.charts import capacity, latency, speedup, sweep, throughput, timeline, workers
from harness.report.html.charts.style import Chart

CHARTS: Final[dict[str, Callable[[RunAnalysis], Chart]]] = {
    "capacity": capacity.draw,
    "sweep-throughput": sweep.draw_throughput,
    "sweep-latency": sweep.draw_latency,
    "throughput": throughput.draw,
    "speedup": speedup.draw,
    "latency": latency.draw,
    "timeline": timeline.draw,
    "cpu": workers.draw_cpu,
    "memory": workers.draw_memory,
}


def draw_charts(analysis: RunAnalysis) -> dict[str, Chart]:
    """Return the charts of what was measured, by name; none without a trial that counts.

    A search for the capacity has one more, once a rate was offered, and a sweep has two. There is a speed-up only where
    the numbers of workers differ.
    """
    if not analysis.measured_summaries:
        return {}
    is_scaled = has_speedup(analysis) and len(worker_counts(analysis.measured_summaries)) > 1
    is_drawn = {
        "speedup": is_scaled,
        "capacity": has_probes(analysis),
        "sweep-throughput": has_sweep(analysis),
        "sweep-latency": has_sweep(analysis),
    }
    left_out = {name for name, is_one in is_drawn.items() if not is_one}
    return {name: draw(analysis) for name, draw in CHARTS.items() if name not in left_out}
