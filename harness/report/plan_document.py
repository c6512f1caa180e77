"""A plan for programs: one JSON object, with units in its names."""

from dataclasses import replace
from typing import Final, Self

from pydantic import BaseModel

from harness.planning.demand import Demand
from harness.planning.proposal import Proposal
from harness.planning.response_times import ExpectedTimes, ResponseTimes
from harness.planning.sizing import Sizing
from harness.record import Run
from harness.report.machine import Figure
from harness.stats.estimate import Estimate

PLAN_FORMAT_VERSION: Final = 2  # in 1 response times had no source


class PlannedTimes(BaseModel):
    """The bounds of the response times, and whether they were ``measured``, are ``modelled``, or ``at most`` so
    long."""

    least: ResponseTimes
    most: ResponseTimes
    source: str

    @classmethod
    def of(cls, expected: ExpectedTimes | None) -> Self | None:
        """Return the bounds; None where they are not known."""
        return cls(least=expected.least, most=expected.most, source=expected.source.value) if expected else None


class PlannedTopology(BaseModel):
    """One topology on its hosts. ``used_*`` are shares of the lower end of ``capacity_per_s``, which is one host's.
    ``predicted_from`` is empty where the capacity was measured. ``models_held`` are the models that come near to what
    was measured."""

    topology: str
    workers_per_host: int
    instances_per_host: int
    hosts: int
    capacity_per_s: Figure | None
    saturation_per_s: Figure | None
    objective: str | None
    predicted_from: list[int]
    used_at_target: float
    used_at_peak: float
    used_after_loss: float | None
    memory_per_worker_bytes: Figure | None
    memory_per_host_bytes: float
    idle_cores_per_host: int
    models_held: list[str]
    expected_at_peak: PlannedTimes | None
    expected_after_loss: PlannedTimes | None
    cost_per_h: float | None
    cost_per_month: float | None

    @classmethod
    def of(cls, sizing: Sizing) -> Self:
        """Return the sizing as it is written."""
        carried = sizing.carried
        return cls(
            topology=carried.topology,
            workers_per_host=sizing.instances * carried.workers,
            instances_per_host=sizing.instances,
            hosts=sizing.hosts,
            capacity_per_s=Figure.of(sizing.capacity),
            saturation_per_s=Figure.of(carried.saturation),
            objective=carried.objective,
            predicted_from=list(carried.predicted_from),
            used_at_target=sizing.at_target,
            used_at_peak=sizing.at_peak,
            used_after_loss=sizing.after_loss,
            memory_per_worker_bytes=Figure.of(_memory_of_worker(carried.memory_bytes, carried.workers)),
            memory_per_host_bytes=sizing.memory_bytes,
            idle_cores_per_host=sizing.idle_cores,
            models_held=[lines.value for lines in sizing.models],
            expected_at_peak=PlannedTimes.of(sizing.expected_at_peak),
            expected_after_loss=PlannedTimes.of(sizing.expected_after_loss),
            cost_per_h=sizing.cost_per_h,
            cost_per_month=sizing.cost_per_month,
        )


def _memory_of_worker(memory: Estimate, workers: int) -> Estimate:
    """Return one worker's share of the memory of all processes."""
    low, high = (None if end is None else end / workers for end in (memory.low, memory.high))
    return replace(memory, value=memory.value / workers, low=low, high=high)


class RefusedTopology(BaseModel):
    """A topology that is out of the question, and the advice on it."""

    topology: str
    why: str
    advice: str


class PlanAssumption(BaseModel):
    """An assumption, and whether it was measured, modelled or given."""

    what: str
    basis: str


class PlanDocument(BaseModel):
    """The whole plan; ``topologies`` begin with the recommended one."""

    format_version: int = PLAN_FORMAT_VERSION
    scenario: str
    run: str
    command: str
    demand: Demand
    cores_per_host: int
    memory_per_host_bytes: float
    topologies: list[PlannedTopology]
    refused: list[RefusedTopology]
    assumptions: list[PlanAssumption]


def render_plan_json(run: Run, proposal: Proposal, command: str) -> str:
    """Return the plan as one JSON object."""
    document = PlanDocument(
        scenario=run.scenario.name,
        run=run.path.name,
        command=command,
        demand=proposal.demand,
        cores_per_host=proposal.host.cores,
        memory_per_host_bytes=proposal.host.memory_bytes,
        topologies=[PlannedTopology.of(sizing) for sizing in proposal.sizings],
        refused=[
            RefusedTopology(topology=each.topology, why=each.why, advice=each.advice) for each in proposal.refused
        ],
        assumptions=[PlanAssumption(what=each.what, basis=each.basis.value) for each in proposal.assumptions],
    )
    return document.model_dump_json(indent=2) + "\n"
