"""A run, reduced to what a history needs of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field

from harness.analysis.metrics import CPU, MEMORY, P50, P99, THROUGHPUT, Metric
from harness.analysis.trials import trials_of
from harness.analysis.unpaired import figures_of
from harness.machine.environment import Environment
from harness.record import Run, RunFolderError
from harness.scenario import Scenario, Topology

METRICS: Final = (THROUGHPUT, P50, P99, CPU, MEMORY)


class PastRun(BaseModel):
    """One run. ``figures`` are those of each trial that counts, by the name of the topology and of the metric.

    In a run of two commits the head counts, under the names that the topologies have in the scenario. Memory
    ``is_proportional`` (PSS), or else resident. Servers were stopped between their turns where it ``has_turns``.
    ``report`` is its page, if there is one.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    began_at: datetime
    commit: str | None
    is_dirty: bool
    is_edited: bool
    scenario: Scenario
    environment: Environment
    figures: Mapping[str, Mapping[str, tuple[float, ...]]]
    is_proportional: bool = False
    has_turns: bool = False
    report: Path | None = Field(default=None, exclude=True)

    @classmethod
    def of(cls, run: Run) -> Self:
        """Return what the history needs of a run. Raises RunFolderError when its date can't be represented in UTC."""
        try:
            began_at = run.info.started_at.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise RunFolderError(f"{run.path / 'run.json'}: not of a run: started_at: {error}") from error
        titles = {topology.name: topology.title for topology in _judged_topologies(run.scenario)}
        of = {titles[name]: trials for name, trials in trials_of(run.records, titles).items()}
        head = run.info.revisions[-1] if run.info.revisions else None
        return cls(
            name=run.path.name,
            began_at=began_at,
            commit=head.commit if head else run.environment.git_commit,
            is_dirty=head.is_changed if head else bool(run.environment.git_dirty),
            is_edited=run.is_edited,
            scenario=run.scenario,
            environment=run.environment,
            figures={
                title: {metric.name: figures_of(trials, metric) for metric in METRICS} for title, trials in of.items()
            },
            is_proportional=all(trial.is_proportional for trials in of.values() for trial in trials),
            has_turns=run.info.interleaving.turn_s is not None,
        )

    def with_report(self, folder: Path) -> Self:
        """Return the run with the page that is in its folder, if there is one."""
        return self.model_copy(update={"report": page if (page := folder / "report.html").is_file() else None})

    def figures_of(self, topology: str, metric: Metric) -> tuple[float, ...]:
        """Return the metric's figure in each trial of the topology; empty where it was not measured."""
        return self.figures.get(topology, {}).get(metric.name, ())

    @property
    def topologies(self) -> dict[str, Topology]:
        """The topologies, by name."""
        return {topology.title: topology for topology in _judged_topologies(self.scenario)}


def _judged_topologies(scenario: Scenario) -> list[Topology]:
    return [topology for topology in scenario.topologies if topology.side is None or topology.side.commit == "head"]
