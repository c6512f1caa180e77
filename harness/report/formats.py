"""What a run comes to, in the form that was asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from harness.analysis.gates import Ruling, rule
from harness.analysis.rows import Row, rows_of
from harness.record import Run
from harness.report.comment import render_comment
from harness.report.machine import render_csv, render_json, render_junit
from harness.report.summary import TopologySummary, unsound


@dataclass(frozen=True)
class Outcome:
    """A run, what it comes to topology by topology, figure by figure, and what its gates say."""

    run: Run
    summaries: list[TopologySummary]
    rows: Sequence[Row]
    rulings: Sequence[Ruling]

    @classmethod
    def of(cls, run: Run, summaries: list[TopologySummary]) -> Self:
        """With the gates of the run's own scenario."""
        rows = rows_of(run)
        return cls(run, summaries, rows, rule(run.scenario.gate.gates, rows))


FORMATS: Final[dict[str, Callable[[Outcome], str]]] = {
    "github": lambda outcome: render_comment(outcome.run, outcome.summaries, outcome.rows, outcome.rulings),
    "markdown": lambda outcome: written(outcome.run.path / "report.md"),
    "html": lambda outcome: written(outcome.run.path / "report.html"),
    "json": lambda outcome: render_json(outcome.run, outcome.rows, outcome.rulings),
    "csv": lambda outcome: render_csv(outcome.rows),
    "junit": lambda outcome: render_junit(outcome.run.scenario, outcome.rulings, unsound(outcome.run)),
}


def written(report: Path) -> str:
    """A report that is in the run's folder."""
    return report.read_text(encoding="utf-8")
