"""Latency against the rate that was offered, with the objectives, what each topology carries, and where it is full."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from harness.analysis.capacity import Capacity, Probe
from harness.analysis.run import RunAnalysis
from harness.report.charts.style import LineStyle, line_style
from harness.scenario import Objective
from harness.stats.estimate import Estimate
from harness.units import NS_PER_MS

DEFAULT_PERCENT: Final = 99.0  # where no objective speaks of latency


@dataclass(frozen=True)
class ProbeMark:
    """One probe: the rate that was offered (requests/s), the percentile (ms), and whether it kept every objective."""

    rate_per_s: float
    latency_ms: float
    is_kept: bool


@dataclass(frozen=True)
class TopologyProbes:
    """The probes of one topology in which a request ended, and what they come to.

    ``rate`` is what it carries, ``saturation`` its throughput in a closed loop, and ``knee_per_s`` the rate at its
    knee; each is None where it is not known. ``is_measured`` is False where no trial of it counts.
    """

    topology: str
    style: LineStyle
    is_measured: bool
    marks: tuple[ProbeMark, ...]
    rate: Estimate | None
    saturation: Estimate | None
    knee_per_s: float | None


@dataclass(frozen=True)
class CapacityData:
    """The probes of every topology to which a rate was offered.

    ``percent`` is the percentile that is shown; ``limits_ms`` are the objectives on latency: their texts and limits.
    """

    scenario: str
    percent: float
    limits_ms: tuple[tuple[str, float], ...]
    topologies: tuple[TopologyProbes, ...]


def has_probes(analysis: RunAnalysis) -> bool:
    """Return whether a rate was offered to any topology."""
    return any(each.probes for each in analysis.capacities)


def capacity_data(analysis: RunAnalysis) -> CapacityData:
    """Return the probes of a search for the capacity, with the looks that the topologies have in the other charts."""
    objectives, percent = analysis.run.info.objectives, percent_of(analysis.run.info.objectives)
    measured = [summary.name for summary in analysis.measured_summaries]
    probed = [each for each in analysis.capacities if each.probes]
    styled = [*measured, *(each.topology.name for each in probed if each.topology.name not in measured)]
    return CapacityData(
        scenario=analysis.run.scenario.name,
        percent=percent,
        limits_ms=tuple((each.text, each.limit_ms) for each in objectives if each.limit_ms is not None),
        topologies=tuple(
            TopologyProbes(
                topology=each.topology.name,
                style=line_style(styled.index(each.topology.name)),
                is_measured=each.topology.name in measured,
                marks=_marks(each, percent),
                rate=each.rate,
                saturation=each.saturation,
                knee_per_s=each.knee.rate_per_s if each.knee else None,
            )
            for each in probed
        ),
    )


def percent_of(objectives: Sequence[Objective]) -> float:
    """Return the percentile that the first objective on latency is about."""
    percents = [100 * (1 - objective.allowed) for objective in objectives if objective.limit_ms is not None]
    return round(percents[0], 4) if percents else DEFAULT_PERCENT


def _marks(capacity: Capacity, percent: float) -> tuple[ProbeMark, ...]:
    return tuple(
        ProbeMark(probe.rate_per_s, latency_ms, probe.is_kept)
        for probe in capacity.probes
        if (latency_ms := _latency_ms(probe, percent)) is not None
    )


def _latency_ms(probe: Probe, percent: float) -> float | None:
    """Return that percentile of a probe (ms); None where no request ended."""
    return probe.latencies.percentiles_ns([percent])[0] / NS_PER_MS if probe.latencies.total else None
