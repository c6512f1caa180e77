"""Speed-up over the baseline against the number of workers, with the ideal and the cores there are."""

from dataclasses import dataclass
from typing import Final

from harness.analysis.run import RunAnalysis
from harness.analysis.summary import TopologySummary
from harness.report.charts.style import LineStyle, axis_end, line_style

UNIT: Final = "workers"
MIN_AXIS: Final = 2.0  # up to which the axis of the ratios goes at least


@dataclass(frozen=True)
class SpeedUp:
    """The throughput of one topology as a multiple of the baseline's, with the ends of the interval.

    Where there is no interval, as for the baseline itself, both ends are the ratio.
    """

    topology: str
    workers: int
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class FamilySpeedUp:
    """The points of one family of clusters, the fewest workers first: a line, or a lone mark."""

    family: str
    style: LineStyle
    points: tuple[SpeedUp, ...]

    @property
    def is_line(self) -> bool:
        """True if there is more than one point."""
        return len(self.points) > 1


@dataclass(frozen=True)
class SpeedUpData:
    """The speed-up of every family in which something was compared.

    ``counts`` are the numbers of workers, ascending, from 1. ``cores`` are those that may be used. The axis of the
    ratios goes from 0 to ``axis_end``.
    """

    scenario: str
    baseline: str
    families: tuple[FamilySpeedUp, ...]
    counts: tuple[int, ...]
    cores: int
    axis_end: float

    @property
    def max_workers(self) -> int:
        """The largest number of workers."""
        return self.counts[-1]

    @property
    def workers_range(self) -> tuple[float, float]:
        """The ends of the axis of the workers."""
        return 0.7, self.max_workers + 0.3

    @property
    def shows_cores(self) -> bool:
        """True if the number of cores is within the numbers of workers."""
        return self.cores <= self.max_workers

    @property
    def ratio_label(self) -> str:
        """The label of the axis of the ratios."""
        return f"requests/s ÷ those of {self.baseline}"


def has_speedup(analysis: RunAnalysis) -> bool:
    """Return whether a run has a speed-up at all.

    An open loop has none: all topologies serve what is offered, or fail to. Nor have pairs of two commits or
    two mallocs.
    """
    scenario = analysis.run.scenario
    return scenario.load.arrivals is None and not scenario.is_of_pairs


def worker_counts(summaries: list[TopologySummary]) -> tuple[int, ...]:
    """Return the numbers of workers of the topologies, ascending; a topology that does not say has one."""
    return tuple(sorted({summary.workers or 1 for summary in summaries}))


def speedup_data(analysis: RunAnalysis) -> SpeedUpData:
    """Return the speed-up of the topologies that were measured; the baseline's is 1."""
    run, summaries = analysis.run, analysis.measured_summaries
    ratios = [summary.ratio for summary in summaries if summary.ratio]
    families = _group_by_family(summaries)
    return SpeedUpData(
        scenario=run.scenario.name,
        baseline=run.scenario.reference,
        families=tuple(
            FamilySpeedUp(family, line_style(index), tuple(points))
            for index, (family, points) in enumerate(families.items())
            if points
        ),
        counts=tuple(sorted({1, *worker_counts(summaries)})),
        cores=run.environment.usable_cores,
        axis_end=axis_end([MIN_AXIS, *(ratio.value for ratio in ratios)], [ratio.high for ratio in ratios]),
    )


def _group_by_family(summaries: list[TopologySummary]) -> dict[str, list[SpeedUp]]:
    """Return the points by family, the fewest workers first; none where nothing of a family was compared."""
    families: dict[str, list[SpeedUp]] = {summary.topology.family: [] for summary in summaries}
    for summary in sorted(summaries, key=lambda summary: summary.workers or 1):
        if summary.ratio or summary.topology.baseline:
            families[summary.topology.family].append(_speedup(summary))
    return families


def _speedup(summary: TopologySummary) -> SpeedUp:
    """Return the point of a topology; the baseline's is 1 by definition."""
    ratio, workers = summary.ratio, summary.workers or 1
    if ratio is None:
        return SpeedUp(summary.name, workers, 1.0, 1.0, 1.0)
    low, high = (ratio.value if end is None else end for end in (ratio.low, ratio.high))
    return SpeedUp(summary.name, workers, ratio.value, low, high)
