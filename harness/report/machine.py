"""The outcome of a run for programs: JSON, CSV, and JUnit's XML for what shows tests."""

import io
from collections.abc import Sequence
from typing import Final

import pandas as pd
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from pydantic import BaseModel

from harness.analysis.gates import GateResult, Outcome, overall_outcome
from harness.analysis.metric_rows import MetricComparison
from harness.machine.environment import Environment
from harness.record import Program, Revision, Run, TrialRecord
from harness.report.changes import ruling_text
from harness.report.tables import safe_frame
from harness.scenario import Scenario
from harness.stats.estimate import Estimate

FORMAT_VERSION: Final = 1


class Figure(BaseModel):
    """A value and its 95 % interval, which is None when ``n`` trials or pairs are too few for one."""

    value: float
    low: float | None
    high: float | None
    n: int

    @classmethod
    def of(cls, estimate: Estimate | None) -> "Figure | None":
        """None for what was not measured."""
        if estimate is None:
            return None
        return cls(value=estimate.value, low=estimate.low, high=estimate.high, n=estimate.n)


class Change(BaseModel):
    """One figure of one topology beside its baseline's, in ``unit``; ``ratio`` is the one over the other or, of a
    metric that may be zero, ``difference`` the one less the other."""

    topology: str
    baseline: str | None
    metric: str
    unit: str
    before: Figure | None
    after: Figure | None
    ratio: Figure | None
    difference: Figure | None
    verdict: str | None


class Gated(BaseModel):
    """What a gate says of a topology: passed, failed, uncertain or not measured."""

    gate: str
    topology: str
    outcome: str


class Document(BaseModel):
    """A run, for programs. ``verdict`` is that of the gates; ``passed`` where there are none."""

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
    gates: list[Gated]
    changes: list[Change]
    environment: Environment
    programs: list[Program]


def render_json(run: Run, rows: Sequence[MetricComparison], rulings: Sequence[GateResult]) -> str:
    """One object, with units in its names or beside them."""
    document = Document(
        scenario=run.scenario.name,
        command=run.info.command,
        seed=run.info.seed,
        began_at=run.info.started_at.isoformat(),
        is_whole=run.is_whole,
        trials=len(run.records),
        unsound=sum(record.status != "ok" for record in run.records),
        revisions=run.info.revisions,
        verdict=overall_outcome(rulings, run.scenario.gate.strict).value,
        gates=_gated(rulings),
        changes=[_change(row) for row in rows],
        environment=run.environment,
        programs=run.info.programs,
    )
    return document.model_dump_json(indent=2) + "\n"


class Difference(BaseModel):
    """Two runs beside each other, for programs; ``warnings`` say what weakens that."""

    format_version: int = FORMAT_VERSION
    scenario: str
    base: str
    head: str
    warnings: list[str]
    verdict: str
    gates: list[Gated]
    changes: list[Change]


def render_difference(
    base: Run, head: Run, warnings: Sequence[str], rows: Sequence[MetricComparison], rulings: Sequence[GateResult]
) -> str:
    """One object, as of a run."""
    document = Difference(
        scenario=head.scenario.name,
        base=base.path.name,
        head=head.path.name,
        warnings=list(warnings),
        verdict=overall_outcome(rulings, head.scenario.gate.strict).value,
        gates=_gated(rulings),
        changes=[_change(row) for row in rows],
    )
    return document.model_dump_json(indent=2) + "\n"


def _gated(rulings: Sequence[GateResult]) -> list[Gated]:
    return [Gated(gate=each.gate.text, topology=each.topology, outcome=each.outcome.value) for each in rulings]


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


def render_csv(rows: Sequence[MetricComparison]) -> str:
    """A line for each figure of each topology; empty cells were not measured."""
    flat = pd.json_normalize([_change(row).model_dump() for row in rows], sep="_")
    rows_of_text = [{str(name): value for name, value in row.items()} for row in flat.to_dict("records")]
    return safe_frame(rows_of_text).to_csv(index=False)


_RESULTS: Final = {Outcome.FAILED: Failure, Outcome.UNMEASURED: Error, Outcome.UNCERTAIN: Skipped}


def render_junit(scenario: Scenario, rulings: Sequence[GateResult], unsound: Sequence[TrialRecord] = ()) -> str:
    """A test case for each gate on each topology, and one for each trial that does not count."""
    suite = TestSuite(f"harness.{scenario.name}")
    for ruling in rulings:
        case = TestCase(f"{ruling.topology}: {ruling.gate.text}", classname=suite.name)
        said = ruling_text(ruling).replace("**", "")
        if ruling.outcome is not Outcome.PASSED:
            kind = Failure if scenario.gate.strict else _RESULTS[ruling.outcome]
            case.result = [kind(said)]
        suite.add_testcase(case)
    for record in unsound:
        case = TestCase(record.trial, classname=suite.name)
        case.result = [Failure(record.reason or record.status)]
        suite.add_testcase(case)
    xml = JUnitXml()
    xml.add_testsuite(suite)
    file = io.BytesIO()
    xml.write(file)
    return file.getvalue().decode() + "\n"
