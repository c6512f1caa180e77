"""The runs in a folder of results, reduced to what their history needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from harness.analysis.metrics import CPU, MEMORY, P50, P99, THROUGHPUT, Metric
from harness.analysis.trials import trials_of
from harness.analysis.unpaired import figures_of
from harness.machine.environment import Environment
from harness.record import Run, RunFolderError, read_run
from harness.scenario import Scenario, Topology

METRICS: Final = (THROUGHPUT, P50, P99, CPU, MEMORY)


@dataclass(frozen=True)
class PastRun:
    """One run. ``figures`` are those of each trial that counts, by the names of topology and metric.

    In a run of two commits the head counts, under the names that the topologies have in the scenario. Memory
    ``is_proportional`` (PSS), or else resident. ``report`` is its page, if there is one.
    """

    name: str
    began_at: datetime
    commit: str | None
    is_dirty: bool
    is_edited: bool
    scenario: Scenario
    environment: Environment
    figures: Mapping[tuple[str, str], tuple[float, ...]]
    is_proportional: bool = False
    report: Path | None = None

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
                (title, metric.name): figures_of(trials, metric) for title, trials in of.items() for metric in METRICS
            },
            is_proportional=all(trial.is_proportional for trials in of.values() for trial in trials),
            report=page if (page := run.path / "report.html").is_file() else None,
        )

    def figures_of(self, topology: str, metric: Metric) -> tuple[float, ...]:
        """Return the metric's figure in each trial of the topology; empty where it was not measured."""
        return self.figures.get((topology, metric.name), ())

    @property
    def topologies(self) -> dict[str, Topology]:
        """The topologies, by name."""
        return {topology.title: topology for topology in _judged_topologies(self.scenario)}


def _judged_topologies(scenario: Scenario) -> list[Topology]:
    return [topology for topology in scenario.topologies if topology.side is None or topology.side.commit == "head"]


def read_runs(results: Path) -> tuple[list[PastRun], list[str]]:
    """Return all runs in the folder, oldest first, and why some can't be read. Raises RunFolderError where there is
    none."""
    runs, unread = [], []
    for folder in _run_folders(results):
        try:
            run = read_run(folder)
            if not run.is_search:  # a search compares nothing
                runs.append(PastRun.of(run))
        except RunFolderError as error:
            unread.append(str(error))
    if not runs:
        raise RunFolderError("\n".join([f"{results}: no run in it that can be read", *unread]))
    return sorted(runs, key=lambda run: (run.began_at, run.name)), unread


def _run_folders(results: Path) -> list[Path]:
    """Return each run folder once: a link to one of them, such as ``latest``, is no run of its own."""
    try:
        found = [folder for folder in results.iterdir() if (folder / "run.json").exists()]
    except OSError as error:
        raise RunFolderError(f"{error.filename}: {error.strerror}") from error
    links_first = sorted(found, key=lambda folder: (not folder.is_symlink(), folder))
    return list({folder.resolve(): folder for folder in links_first}.values())
