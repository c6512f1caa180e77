"""Latency by percentile, all trials of a topology together."""

from dataclasses import dataclass

from harness.analysis.run import RunAnalysis
from harness.report.charts.percentiles import PercentileLine, PercentileScale, percentile_line, percentile_scale
from harness.report.charts.style import LineStyle, line_style


@dataclass(frozen=True)
class TopologyLatency:
    """The percentiles of one topology, as far as it has requests for."""

    topology: str
    style: LineStyle
    line: PercentileLine


@dataclass(frozen=True)
class LatencyData:
    """The percentiles of every topology of which a request ended.

    ``timeout_ms`` is the timeout, which cuts off what takes longer; None where no request ran into it.
    """

    scenario: str
    topologies: tuple[TopologyLatency, ...]
    scale: PercentileScale
    timeout_ms: float | None


def latency_data(analysis: RunAnalysis) -> LatencyData:
    """Return the lines of the topologies that were measured, and the axes that show them and the timeout."""
    scenario, summaries = analysis.run.scenario, analysis.measured_summaries
    topologies = tuple(
        TopologyLatency(summary.name, line_style(index), percentile_line(summary.latencies))
        for index, summary in enumerate(summaries)
        if summary.latencies.total
    )
    timeout_ms = scenario.load.timeout_s * 1000 if any(summary.errors.timeout for summary in summaries) else None
    return LatencyData(
        scenario=scenario.name,
        topologies=topologies,
        scale=percentile_scale([each.line for each in topologies], [] if timeout_ms is None else [timeout_ms]),
        timeout_ms=timeout_ms,
    )
