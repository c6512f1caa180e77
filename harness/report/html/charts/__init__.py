"""The charts of the page: what the pictures show, to be hovered over, zoomed into and thinned out."""

from collections.abc import Callable
from typing import Final

from harness.analysis.capacity import capacities
from harness.record import Run
from harness.report.html.charts import capacity, latency, speedup, throughput, timeline, workers
from harness.report.html.charts.style import Chart
from harness.report.summary import TopologySummary

CHARTS: Final[dict[str, Callable[[Run, list[TopologySummary]], Chart]]] = {
    "capacity": capacity.draw,
    "throughput": throughput.draw,
    "speedup": speedup.draw,
    "latency": latency.draw,
    "timeline": timeline.draw,
    "cpu": workers.draw_cpu,
    "memory": workers.draw_memory,
}


def draw_charts(run: Run, summaries: list[TopologySummary]) -> dict[str, Chart]:
    """Those of what was measured, by name; none without a trial that counts.

    A search for the capacity has one more, once a rate was offered. There is a speed-up where numbers of workers
    differ: not of two commits, nor in an open loop, in which all topologies serve what is offered, or fail to.
    """
    measured = [summary for summary in summaries if summary.trials]
    if not measured:
        return {}
    sizes = {summary.workers or 1 for summary in measured}
    is_scaled = len(sizes) > 1 and run.scenario.load.arrivals is None and not run.scenario.is_of_two_commits
    is_offered = run.is_search and any(each.probes for each in capacities(run))
    left_out = {name for name, is_told in (("speedup", is_scaled), ("capacity", is_offered)) if not is_told}
    return {name: draw(run, measured) for name, draw in CHARTS.items() if name not in left_out}
