"""Figures published elsewhere, beside what was measured, both as ratios to the baseline."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis.summary import TopologySummary
from harness.record import Run
from harness.scenario import PublishedRun


@dataclass(frozen=True)
class PublishedRow:
    """One topology: its published runs, their mean ratio to the baseline's, and what this run measured."""

    runs: tuple[PublishedRun, ...]
    ratio: float | None  # None when nothing is published for the baseline
    measured: TopologySummary

    @property
    def latency_mean_ms(self) -> float:
        """The mean latency over the published runs. wrk left out the requests that timed out."""
        return _mean([figure.latency_mean_ms for figure in self.runs])

    @property
    def timeouts(self) -> int:
        """The timeouts in all the published runs together."""
        return sum(figure.timeouts for figure in self.runs)


def published_rows(run: Run, summaries: list[TopologySummary]) -> list[PublishedRow]:
    """Return a row for each topology with published figures, in the scenario's order; empty when there are none."""
    baseline = _runs(run, run.scenario.baseline.name)
    rows = []
    for summary in summaries:
        if runs := _runs(run, summary.name):
            rows.append(PublishedRow(runs, _rate(runs) / _rate(baseline) if baseline else None, summary))
    return rows


def _runs(run: Run, topology: str) -> tuple[PublishedRun, ...]:
    return tuple(figure for figure in run.scenario.documented if figure.topology == topology)


def _rate(runs: Sequence[PublishedRun]) -> float:
    return _mean([figure.requests_per_s for figure in runs])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
