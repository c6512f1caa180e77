"""Throughput and latency against the number of connections, a line for each topology."""

from dataclasses import dataclass

from harness.analysis.run import RunAnalysis
from harness.analysis.summary import TopologySummary
from harness.report.charts.style import LineStyle, line_style
from harness.scenario import Topology
from harness.stats.estimate import Estimate
from harness.stats.verdict import Verdict


@dataclass(frozen=True)
class SweepPoint:
    """One topology over so many connections. ``verdict`` is that on its throughput beside the baseline over as many."""

    connections: int
    requests_per_s: Estimate
    p99_ms: float
    verdict: Verdict | None


@dataclass(frozen=True)
class SweepLine:
    """One topology over all numbers of connections, the fewest first; without those of which no trial counts. Of pairs,
    each of the two has a line of its own."""

    topology: str
    style: LineStyle
    points: tuple[SweepPoint, ...]

    def point(self, connections: int) -> SweepPoint | None:
        """Return the point over so many connections; None where it was not measured."""
        return next((point for point in self.points if point.connections == connections), None)


@dataclass(frozen=True)
class SweepData:
    """The lines of all topologies, over these numbers of connections, ascending."""

    scenario: str
    connections: tuple[int, ...]
    lines: tuple[SweepLine, ...]


def has_sweep(analysis: RunAnalysis) -> bool:
    """Return whether the load was swept, and something measured."""
    return analysis.run.scenario.is_sweep and bool(analysis.measured_summaries)


def sweep_data(analysis: RunAnalysis) -> SweepData:
    """Return what a sweep has measured."""
    topologies = analysis.run.scenario.topologies
    return SweepData(
        scenario=analysis.run.scenario.name,
        connections=tuple(sorted({each.connections for each in topologies if each.connections is not None})),
        lines=tuple(
            SweepLine(name, line_style(index), _points(analysis, name))
            for index, name in enumerate(dict.fromkeys(map(_line_name, topologies)))
        ),
    )


def _line_name(topology: Topology) -> str:
    """Return what the topology is called over any number of connections: ``raw`` or, of pairs, ``raw (head)``."""
    name = topology.series or topology.name
    if topology.side:
        return f"{name} ({topology.side.commit})"
    return f"{name} ({topology.malloc} malloc)" if topology.twin_of else name


def _points(analysis: RunAnalysis, name: str) -> tuple[SweepPoint, ...]:
    points = (_point(summary) for summary in analysis.measured_summaries if _line_name(summary.topology) == name)
    return tuple(sorted((each for each in points if each is not None), key=lambda each: each.connections))


def _point(summary: TopologySummary) -> SweepPoint | None:
    connections = summary.topology.connections
    if connections is None or summary.requests_per_s is None or summary.latency_ms is None:
        return None
    return SweepPoint(connections, summary.requests_per_s, summary.latency_ms.p99, summary.verdict)
