"""A run, or the difference between two, for programs: JSON, CSV, and JUnit's XML for tools that show tests."""

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import pandas as pd
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from pydantic import BaseModel

from harness.analysis.difference import RunDifference
from harness.analysis.gates import GateResult, Outcome, overall_outcome
from harness.analysis.grid import GridAnalysis
from harness.analysis.launch import PerRequest, per_request, per_request_by_role
from harness.analysis.metric_rows import MetricComparison
from harness.analysis.run import RunAnalysis
from harness.analysis.summary import rejected_records
from harness.machine.environment import Environment
from harness.record import Interleaving, Program, Revision, Role, TrialRecord
from harness.report.figures import gate_result_text
from harness.report.tables import safe_frame
from harness.scenario import Scenario
from harness.scenario.malloc import Malloc
from harness.stats.estimate import Estimate
from harness.stats.race import Standing

FORMAT_VERSION: Final = 1


class Figure(BaseModel):
    """A value and its 95 % interval over ``n`` trials or pairs. Both ends are None when these are too few."""

    value: float
    low: float | None
    high: float | None
    n: int

    @classmethod
    def of(cls, estimate: Estimate | None) -> "Figure | None":
        """Return the figure of an estimate; None for what was not measured."""
        return None if estimate is None else cls.of_estimate(estimate)

    @classmethod
    def of_estimate(cls, estimate: Estimate) -> "Figure":
        """Return the figure of what was measured."""
        return cls(value=estimate.value, low=estimate.low, high=estimate.high, n=estimate.n)


class Change(BaseModel):
    """One figure of one topology beside its baseline's, in ``unit``.

    ``ratio`` is ``after`` over ``before``. Of a metric that may be zero it is None, and ``difference`` is ``after``
    less ``before``.
    """

    topology: str
    baseline: str | None
    metric: str
    unit: str
    before: Figure | None
    after: Figure | None
    ratio: Figure | None
    difference: Figure | None
    verdict: str | None


class GateOutcome(BaseModel):
    """The outcome of one gate on one topology: passed, failed, uncertain or not measured."""

    gate: str
    topology: str
    outcome: str


class LaunchFigures(BaseModel):
    """The page faults and context switches for each completed request in one trial: of all processes of the server
    together, those that ended included, and of those of each role. None, or empty, where no request was answered."""

    trial: str
    topology: str
    round: int
    status: str
    per_request: PerRequest | None
    by_role: dict[Role, PerRequest]


class BesideBest(BaseModel):
    """A topology beside the best: its figure as a multiple of that one's, better where it is greater, and the p-value
    of its not being behind, after so many rounds."""

    topology: str
    best: str
    after_round: int
    ratio: Figure
    p_value: float

    @classmethod
    def of(cls, standing: Standing) -> "BesideBest":
        """Return the standing of a race."""
        ratio = Figure.of_estimate(standing.ratio)
        return cls(
            topology=standing.candidate,
            best=standing.leader,
            after_round=standing.after_round,
            ratio=ratio,
            p_value=standing.p_value,
        )


class AxisEffect(BaseModel):
    """The effect of a value of an axis beside the axis's first value, on average over the rest of the grid."""

    axis: str
    value: int | float | str
    beside: int | float | str
    ratio: Figure


class GridDocument(BaseModel):
    """A grid, by the deciding metric: its best cell, those that are not shown to be behind it, what each axis brings,
    and the p-value of these effects adding up."""

    grid: str
    axes: dict[str, list[int | float | str]]
    metric: str
    best: str | None
    near_best: list[BesideBest]
    effects: list[AxisEffect]
    p_interaction: float | None

    @classmethod
    def of(cls, grid: GridAnalysis) -> "GridDocument":
        """Return the grid for programs."""
        per_axis = grid.effects.effects if grid.effects else ()
        return cls(
            grid=grid.name,
            axes={axis: list(values) for axis, values in grid.axes.items()},
            metric=grid.metric.name,
            best=grid.race.leader,
            near_best=[BesideBest.of(each) for each in grid.race.others],
            effects=[
                AxisEffect(axis=axis, value=value, beside=values[0], ratio=Figure.of_estimate(effect))
                for (axis, values), effects in zip(grid.axes.items(), per_axis, strict=False)
                for value, effect in zip(values[1:], effects, strict=True)
            ],
            p_interaction=grid.effects.p_interaction if grid.effects else None,
        )


class RunDocument(BaseModel):
    """A run, for programs. ``verdict`` is the outcome of all gates together; ``passed`` where there are none.
    ``interleaving`` is how the trials of a round took turns, ``malloc`` what that of each topology does with memory
    that is freed. ``dropped`` are the topologies that got no more rounds, the first to go first. ``launches`` are all
    trials that came to a result, in their order."""

    format_version: int = FORMAT_VERSION
    scenario: str
    command: str
    seed: int
    began_at: str
    is_whole: bool
    trials: int
    unsound: int
    revisions: list[Revision]
    verdict: str
    gates: list[GateOutcome]
    changes: list[Change]
    environment: Environment
    programs: list[Program]
    interleaving: Interleaving
    malloc: dict[str, Malloc]
    grids: list[GridDocument]
    dropped: list[BesideBest]
    launches: list[LaunchFigures]


def render_json(analysis: RunAnalysis) -> str:
    """Return the run as one JSON object, with units in its names or beside them."""
    run, results = analysis.run, analysis.gate_results
    document = RunDocument(
        scenario=run.scenario.name,
        command=run.info.command,
        seed=run.info.seed,
        began_at=run.info.started_at.isoformat(),
        is_whole=run.is_whole,
        trials=len(run.records),
        unsound=sum(record.status != "ok" for record in run.records),
        revisions=run.info.revisions,
        verdict=overall_outcome(results, run.scenario.gate.strict).value,
        gates=_gate_outcomes(results),
        changes=[_change(row) for row in (*analysis.rows, *analysis.request_rows)],
        environment=run.environment,
        programs=run.info.programs,
        interleaving=run.info.interleaving,
        malloc={topology.name: topology.malloc for topology in run.scenario.topologies},
        grids=[GridDocument.of(grid) for grid in analysis.grids],
        dropped=[BesideBest.of(each) for each in analysis.dropped.values()],
        launches=list(_launches(run.records)),
    )
    return document.model_dump_json(indent=2) + "\n"


def _launches(records: Iterable[TrialRecord]) -> Iterator[LaunchFigures]:
    for record in records:
        if record.load and record.usage:
            yield LaunchFigures(
                trial=record.trial,
                topology=record.topology,
                round=record.block,
                status=record.status,
                per_request=per_request(record.load, record.usage),
                by_role=dict(per_request_by_role(record.load, record.usage)),
            )


class DifferenceDocument(BaseModel):
    """The difference between two runs, for programs. ``warnings`` are the reasons to trust that less."""

    format_version: int = FORMAT_VERSION
    scenario: str
    base: str
    head: str
    warnings: list[str]
    verdict: str
    gates: list[GateOutcome]
    changes: list[Change]


def render_difference_json(difference: RunDifference) -> str:
    """Return the difference as one JSON object, with units in its names or beside them."""
    head, results = difference.head, difference.gate_results
    document = DifferenceDocument(
        scenario=head.scenario.name,
        base=difference.base.path.name,
        head=head.path.name,
        warnings=difference.warnings,
        verdict=overall_outcome(results, head.scenario.gate.strict).value,
        gates=_gate_outcomes(results),
        changes=[_change(row) for row in (*difference.rows, *difference.request_rows)],
    )
    return document.model_dump_json(indent=2) + "\n"


def _gate_outcomes(results: Sequence[GateResult]) -> list[GateOutcome]:
    return [GateOutcome(gate=each.gate.text, topology=each.topology, outcome=each.outcome.value) for each in results]


def _change(row: MetricComparison) -> Change:
    return Change(
        topology=row.topology,
        baseline=row.baseline,
        metric=row.metric.name,
        unit=row.metric.unit,
        before=Figure.of(row.before),
        after=Figure.of(row.after),
        ratio=Figure.of(row.ratio),
        difference=Figure.of(row.difference),
        verdict=row.word or None,
    )


def render_csv(analysis: RunAnalysis) -> str:
    """Return a line for each figure of each topology as CSV; empty cells were not measured."""
    return _csv_text([*analysis.rows, *analysis.request_rows])


def render_difference_csv(difference: RunDifference) -> str:
    """Return a line for each figure of each topology as CSV; empty cells were not measured."""
    return _csv_text([*difference.rows, *difference.request_rows])


def _csv_text(rows: Sequence[MetricComparison]) -> str:
    flat = pd.json_normalize([_change(row).model_dump() for row in rows], sep="_")
    rows_of_text = [{str(name): value for name, value in row.items()} for row in flat.to_dict("records")]
    return safe_frame(rows_of_text).to_csv(index=False)


_RESULTS: Final = {Outcome.FAILED: Failure, Outcome.UNMEASURED: Error, Outcome.UNCERTAIN: Skipped}


def render_junit(analysis: RunAnalysis) -> str:
    """Return JUnit's XML: a test case for each gate on each topology, and one for each trial that does not count."""
    return _junit_text(analysis.run.scenario, analysis.gate_results, rejected_records(analysis.run))


def render_difference_junit(difference: RunDifference) -> str:
    """Return JUnit's XML: a test case for each gate on each topology."""
    return _junit_text(difference.head.scenario, difference.gate_results, ())


def _junit_text(scenario: Scenario, results: Sequence[GateResult], rejected: Sequence[TrialRecord]) -> str:
    suite = TestSuite(f"harness.{scenario.name}")
    for each in results:
        case = TestCase(f"{each.topology}: {each.gate.text}", classname=suite.name)
        if each.outcome is not Outcome.PASSED:
            kind = Failure if scenario.gate.strict else _RESULTS[each.outcome]
            case.result = [kind(gate_result_text(each).replace("**", ""))]
        suite.add_testcase(case)
    for record in rejected:
        case = TestCase(record.trial, classname=suite.name)
        case.result = [Failure(record.reason or record.status)]
        suite.add_testcase(case)
    xml = JUnitXml()
    xml.add_testsuite(suite)
    file = io.BytesIO()
    xml.write(file)
    return file.getvalue().decode() + "\n"
