"""Figures published elsewhere, set beside what was measured, both as ratios to the baseline."""

from dataclasses import dataclass

from harness.record import Run
from harness.report.summary import TopologySummary
from harness.stats.estimate import Estimate


@dataclass(frozen=True)
class DocumentedRow:
    """One topology. None where one side has no figure."""

    topology: str
    documented_per_s: tuple[float, ...]
    documented_ratio: float | None
    documented_timeouts: int | None
    measured: Estimate | None
    measured_ratio: Estimate | None
    measured_timeouts: int | None


def documented_rows(run: Run, summaries: list[TopologySummary]) -> list[DocumentedRow]:
    """A row for each topology with documented figures, in the scenario's order; empty when there are none."""
    by_name = {summary.name: summary for summary in summaries}
    baseline = _rates(run, run.scenario.baseline.name)
    rows = []
    for topology in run.scenario.topologies:
        rates = _rates(run, topology.name)
        summary = by_name.get(topology.name)
        if rates:
            rows.append(
                DocumentedRow(
                    topology=topology.name,
                    documented_per_s=rates,
                    documented_ratio=_mean(rates) / _mean(baseline) if baseline else None,
                    documented_timeouts=_timeouts(run, topology.name),
                    measured=summary.requests_per_s if summary else None,
                    measured_ratio=summary.ratio if summary else None,
                    measured_timeouts=summary.errors.timeout if summary and summary.trials else None,
                )
            )
    return rows


def _rates(run: Run, topology: str) -> tuple[float, ...]:
    return tuple(figure.requests_per_s for figure in run.scenario.documented if figure.topology == topology)


def _timeouts(run: Run, topology: str) -> int | None:
    known = [figure.timeouts for figure in run.scenario.documented if figure.topology == topology]
    return sum(count for count in known if count is not None) if any(c is not None for c in known) else None


def _mean(values: tuple[float, ...]) -> float:
    return sum(values) / len(values)
