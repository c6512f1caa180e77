"""The result of a search for programs: one JSON object, with units in its names."""

from typing import Self

from pydantic import BaseModel

from harness.analysis.capacity import Capacity, Probe
from harness.analysis.run import RunAnalysis
from harness.report.machine import FORMAT_VERSION, Figure


class ProbeFigures(BaseModel):
    """One offered rate. ``bad_shares`` are the shares of the requests that broke each objective."""

    trial: str
    offered_per_s: float
    achieved: float
    p50_ms: float | None
    p99_ms: float | None
    error_share: float
    bad_shares: list[float]
    is_kept: bool

    @classmethod
    def of(cls, probe: Probe) -> Self:
        """Return the probe as it is written."""
        latency = probe.load.latency_ms
        return cls(
            trial=probe.record.trial,
            offered_per_s=probe.rate_per_s,
            achieved=probe.achieved_share,
            p50_ms=latency.p50 if latency else None,
            p99_ms=latency.p99 if latency else None,
            error_share=probe.load.error_share,
            bad_shares=[share.bad / share.requests if share.requests else 0.0 for share in probe.shares],
            is_kept=probe.is_kept,
        )


class CapacityEntry(BaseModel):
    """One topology. ``capacity_per_s`` is null where no rate kept the objectives, or nothing is known. ``binding`` is
    the objective that is broken first, null where the saturation comes before."""

    topology: str
    workers: int | None
    capacity_per_s: Figure | None
    saturation_per_s: Figure | None
    price_of_objective: Figure | None
    binding: str | None
    unkept: str | None
    knee_per_s: float | None
    probes: list[ProbeFigures]
    left_out: list[str]

    @classmethod
    def of(cls, found: Capacity) -> Self:
        """Return the capacity as it is written."""
        return cls(
            topology=found.topology.name,
            workers=found.topology.workers,
            capacity_per_s=Figure.of(found.rate),
            saturation_per_s=Figure.of(found.saturation),
            price_of_objective=Figure.of(found.objective_cost),
            binding=found.binding.text if found.binding else None,
            unkept=found.unkept.text if found.unkept else None,
            knee_per_s=found.knee.rate_per_s if found.knee else None,
            probes=[ProbeFigures.of(probe) for probe in found.probes],
            left_out=list(found.left_out),
        )


class CapacityDocument(BaseModel):
    """The capacities of all topologies of a search."""

    format_version: int
    run: str
    scenario: str
    objectives: list[str]
    seed: int
    command: str
    is_whole: bool
    topologies: list[CapacityEntry]


def render_capacity_json(analysis: RunAnalysis) -> str:
    """Return the result of the search as one JSON object, indented."""
    run = analysis.run
    document = CapacityDocument(
        format_version=FORMAT_VERSION,
        run=run.path.name,
        scenario=run.scenario.name,
        objectives=[objective.text for objective in run.info.objectives],
        seed=run.info.seed,
        command=run.info.command,
        is_whole=run.is_whole,
        topologies=[CapacityEntry.of(each) for each in analysis.capacities],
    )
    return document.model_dump_json(indent=2) + "\n"
