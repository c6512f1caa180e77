"""The library: measure a scenario or read a run, and get its verdicts, figures and tables."""

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import pandas as pd

from harness.analysis.gates import GateResult, Outcome, overall_outcome
from harness.analysis.metric_rows import MetricComparison
from harness.analysis.metrics import metrics_of
from harness.analysis.summary import TopologySummary
from harness.measure.base_and_head import default_gates, find_sides, prepare_side_by_side
from harness.measure.compare import compare as _compare
from harness.measure.observer import Observer
from harness.measure.preparation import prepare, seed_or_random
from harness.record import Run, read_run
from harness.report.run_report import RunReport
from harness.report.tables import summary_frame, trials_frame
from harness.report.write import write_reports
from harness.scenario import GateTable, Scenario, load_scenario
from harness.scenario.file import Interleave, Race
from harness.scenario.malloc import Malloc, MallocChoice


class Result:
    """The result of a run, as far as it was measured."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._report = RunReport(run)

    @property
    def path(self) -> Path:
        """The folder of the run, with its reports."""
        return self.run.path

    def verdict(self, topology: str, metric: str | None = None) -> MetricComparison:
        """Return the comparison of a topology with its baseline, by the deciding metric or by the one named: ``ratio``
        (an Estimate with value, low and high), ``verdict``, and the figures ``before`` and ``after``.

        Raises KeyError, naming what there is, when there is no such topology or metric.
        """
        wanted = metric or metrics_of(self.run.scenario)[0].name
        found = {(row.topology, row.metric.name): row for row in self.rows}
        if (topology, wanted) not in found:
            topologies, metrics = (", ".join(dict.fromkeys(names)) for names in zip(*found, strict=True))
            raise KeyError(f"no {wanted} of {topology}; there are {metrics} of {topologies}")
        return found[topology, wanted]

    @cached_property
    def rows(self) -> Sequence[MetricComparison]:
        """The comparisons of every figure of every topology with its baseline's."""
        return self._report.rows

    @cached_property
    def summaries(self) -> Sequence[TopologySummary]:
        """The summaries of the topologies, one for each."""
        return self._report.summaries

    @cached_property
    def trials(self) -> pd.DataFrame:
        """The table of trials, a row for each; empty cells were not measured."""
        return trials_frame(self._report)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """The table of topologies, a row for each; empty cells were not measured."""
        return summary_frame(self._report)

    @cached_property
    def rulings(self) -> Sequence[GateResult]:
        """The results of the scenario's gates."""
        return self._report.gate_results

    @property
    def passed(self) -> bool:
        """True if no gate failed and, where the scenario is strict, none is uncertain."""
        return overall_outcome(self.rulings, self.run.scenario.gate.strict) is Outcome.PASSED


def compare(
    scenario: str | os.PathLike[str],
    *,
    only: Iterable[str] | None = None,
    rounds: int | None = None,
    interleave: Interleave | None = None,
    slice_s: float | None = None,
    race: Race | None = None,
    malloc: MallocChoice | None = None,
    seed: int | None = None,
    out: str | os.PathLike[str] = "results",
) -> Result:
    """Measure the topologies of a scenario file, or ``only`` the named ones, as ``harness compare`` does; write the
    reports and return the result.

    Without ``rounds``, ``interleave``, ``slice_s`` (seconds), ``race`` and ``malloc``, these are the scenario's;
    without ``seed``, a random one is taken. The run folder is made below ``out``. Raises ScenarioError, RunFolderError
    and BusyError, each with what is wrong.
    """
    keys = {"rounds": rounds, "interleave": interleave, "slice": slice_s, "race": race}
    compared, used_seed = _load_selected(scenario, only, keys, malloc), seed_or_random(seed)
    words = ["harness", "compare", os.fspath(scenario), *_options(interleave, slice_s, malloc)]
    words += ["--race", race] if race else []
    command = shlex.join([*words, "--seed", str(used_seed)])
    return read(_compare(prepare(compared, used_seed), Path(out), command, Observer()))


def ab(
    scenario: str | os.PathLike[str],
    base: str = "main",
    head: str | None = None,
    *,
    only: Iterable[str] | None = None,
    rounds: int | None = None,
    interleave: Interleave | None = None,
    slice_s: float | None = None,
    malloc: Malloc | None = None,
    seed: int | None = None,
    out: str | os.PathLike[str] = "results",
) -> Result:
    """Measure two commits of the repository in the working directory side by side, as ``harness ab`` does: ``head``, or
    without it the working tree, beside ``base``. :meth:`Result.verdict` takes the names that the topologies have in the
    scenario.

    The other options are those of :func:`compare`. Raises RevisionError too.
    """
    keys = {"rounds": rounds, "interleave": interleave, "slice": slice_s}
    compared, used_seed = _load_selected(scenario, only, keys, malloc), seed_or_random(seed)
    gates = compared.gate.fail_on or default_gates(compared)
    compared = compared.with_gates(GateTable(fail_on=gates, strict=compared.gate.strict))
    repository = Path.cwd()
    sides = find_sides(repository, base, head)
    words = ["harness", "ab", os.fspath(scenario), "--base", base, *(["--head", head] if head else [])]
    words += _options(interleave, slice_s, malloc)
    with prepare_side_by_side(compared, repository, sides, used_seed) as prepared:
        path = _compare(prepared, Path(out), shlex.join([*words, "--seed", str(used_seed)]), Observer())
    return read(path)


def read(folder: str | os.PathLike[str]) -> Result:
    """Read a run folder, write its reports anew, and return the result. Raises RunFolderError."""
    run = read_run(Path(folder))
    write_reports(run)
    return Result(run)


def _load_selected(
    scenario: str | os.PathLike[str],
    only: Iterable[str] | None,
    keys: Mapping[str, object],
    malloc: MallocChoice | None,
) -> Scenario:
    found = load_scenario(Path(scenario), {key: value for key, value in keys.items() if value is not None})
    selected = found if only is None else found.only(only)
    return selected if malloc is None else selected.with_malloc(malloc)


def _options(interleave: Interleave | None, slice_s: float | None, malloc: MallocChoice | None) -> list[str]:
    """Return the options of the command line that stand for these."""
    slice_text = None if slice_s is None else f"{slice_s:g}s"
    given = {"--interleave": interleave, "--slice": slice_text, "--malloc": malloc}
    return [word for option, value in given.items() if value is not None for word in (option, value)]
