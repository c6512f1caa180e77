"""The harness as a library: measure a scenario or read a run, and ask for verdicts, figures and tables."""

import os
import shlex
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import pandas as pd

from harness.analysis.gates import GateResult, Outcome, overall_outcome
from harness.analysis.metric_rows import MetricComparison
from harness.analysis.metrics import metrics_of
from harness.measure.base_and_head import find_sides, side_by_side, usual_gates
from harness.measure.compare import compare as _compare
from harness.measure.observer import Observer
from harness.measure.preparation import drawn, prepare
from harness.record import Run, read_run
from harness.report.run_report import RunReport
from harness.report.summary import TopologySummary
from harness.report.tables import summary_frame, trials_frame
from harness.report.write import write_reports
from harness.scenario import Scenario, load_scenario


class Result:
    """A run, as far as it was measured."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._report = RunReport(run)

    @property
    def path(self) -> Path:
        """The run's folder, with its reports."""
        return self.run.path

    def verdict(self, topology: str, metric: str | None = None) -> MetricComparison:
        """What is said of a topology beside its baseline, by the metric that decides or by another: ``ratio`` (an
        Estimate with value, low and high), ``verdict``, the figures ``before`` and ``after``.

        Raises KeyError naming what there is when there is no such topology or metric.
        """
        wanted = metric or metrics_of(self.run.scenario)[0].name
        found = {(row.topology, row.metric.name): row for row in self.rows}
        if (topology, wanted) not in found:
            topologies, metrics = (", ".join(dict.fromkeys(names)) for names in zip(*found, strict=True))
            raise KeyError(f"no {wanted} of {topology}; there are {metrics} of {topologies}")
        return found[topology, wanted]

    @cached_property
    def rows(self) -> Sequence[MetricComparison]:
        """Every figure of every topology, beside its baseline's."""
        return self._report.rows

    @cached_property
    def summaries(self) -> Sequence[TopologySummary]:
        """Topology by topology."""
        return self._report.summaries

    @cached_property
    def trials(self) -> pd.DataFrame:
        """A row for each trial; empty cells were not measured."""
        return trials_frame(self.run)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """A row for each topology; empty cells were not measured."""
        return summary_frame(list(self.summaries))

    @cached_property
    def rulings(self) -> Sequence[GateResult]:
        """What the scenario's gates say."""
        return self._report.rulings

    @property
    def passed(self) -> bool:
        """Whether no gate failed and, where the scenario is strict, none is uncertain."""
        return overall_outcome(self.rulings, self.run.scenario.gate.strict) is Outcome.PASSED


def compare(
    scenario: str | os.PathLike[str],
    *,
    only: Iterable[str] | None = None,
    rounds: int | None = None,
    seed: int | None = None,
    out: str | os.PathLike[str] = "results",
) -> Result:
    """Measure the topologies of a scenario file, or ``only`` these, as ``harness compare`` does; write the reports.

    Without ``rounds`` and ``seed``, the rounds are the scenario's and the seed is drawn. Raises ScenarioError,
    RunFolderError and BusyError, each with what is wrong.
    """
    compared, fresh = _loaded(scenario, only, rounds), drawn(seed)
    command = shlex.join(["harness", "compare", os.fspath(scenario), "--seed", str(fresh)])
    return read(_compare(prepare(compared, fresh), Path(out), command, Observer()))


def ab(
    scenario: str | os.PathLike[str],
    base: str = "main",
    head: str | None = None,
    *,
    only: Iterable[str] | None = None,
    rounds: int | None = None,
    seed: int | None = None,
    out: str | os.PathLike[str] = "results",
) -> Result:
    """Measure two commits of the repository that this is called in side by side, as ``harness ab`` does: ``head``, or
    else the working tree, beside ``base``. Verdicts are asked for by the topologies' names in the scenario.

    The rest is as for :func:`compare`; raises RevisionError too.
    """
    compared, fresh = _loaded(scenario, only, rounds), drawn(seed)
    gates = compared.gate.fail_on or usual_gates(compared)
    compared = compared.model_copy(update={"gate": compared.gate.model_copy(update={"fail_on": gates})})
    repository = Path.cwd()
    sides = find_sides(repository, base, head)
    words = ["harness", "ab", os.fspath(scenario), "--base", base, *(["--head", head] if head else [])]
    with side_by_side(compared, repository, sides, fresh) as prepared:
        path = _compare(prepared, Path(out), shlex.join([*words, "--seed", str(fresh)]), Observer())
    return read(path)


def read(folder: str | os.PathLike[str]) -> Result:
    """What is in a run folder, with its reports made anew. Raises RunFolderError."""
    run = read_run(Path(folder))
    write_reports(run)
    return Result(run)


def _loaded(scenario: str | os.PathLike[str], only: Iterable[str] | None, rounds: int | None) -> Scenario:
    found = load_scenario(Path(scenario), {} if rounds is None else {"rounds": rounds})
    return found if only is None else found.only(only)
