"""The noise floor: the scatter of differences that this machine shows where there is none."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from harness.analysis.run import RunAnalysis
from harness.machine.environment import Environment
from harness.record import Interleaving, NoiseFloor, RigRecord, Run, RunFolderError, read_noise_floor, read_run
from harness.scenario import Scenario, Topology

AGAIN: Final = "again"


def make_aa_scenario(scenario: Scenario) -> Scenario:
    """Return the scenario of an A/A test: the baseline, and a topology that differs from it in nothing but the name."""
    baseline = scenario.baseline
    name = f"{baseline.name}-{AGAIN}"
    return scenario.with_topologies((baseline, baseline.with_name(name)))


def compute_noise_floor(analysis: RunAnalysis) -> NoiseFloor:
    """Return the scatter within the rounds of a run of :func:`make_aa_scenario`. Raises RunFolderError without two
    rounds that count."""
    run = analysis.run
    pairs = {
        metric: each.logs
        for (_, metric), each in analysis.comparisons.items()
        if each.logs and any(each.logs.logs) and len(each.logs) > 1
    }
    if not pairs:
        raise RunFolderError(f"{run.path}: no noise floor: it takes two rounds in which both trials count")
    rounds = max(record.block for record in run.records)
    began, ended = run.records[0].started_at, run.ending.ended_at if run.ending else run.records[-1].started_at
    return NoiseFloor(
        measured_at=began,
        rounds=rounds,
        block_s=max(1, len(run.info.rigs)) * (ended - began).total_seconds() / rounds,
        scatter={metric: _scatter(each.logs) for metric, each in pairs.items()},
        scatter_at_equal_pace={
            metric: _scatter(each.at_equal_pace) for metric, each in pairs.items() if each.is_adjusted
        },
    )


def _scatter(logs: Sequence[float]) -> float:
    return float(np.std(logs, ddof=1))


def find_noise_floor(
    results: Path,
    scenario: Scenario,
    interleaving: Interleaving,
    environment: Environment,
    rigs: Sequence[RigRecord] = (),
) -> NoiseFloor | None:
    """Return the newest noise floor in ``results`` of such a machine, and of the same rigs of a fleet, with the same
    load, baseline and interleaving; None without one."""
    for folder in sorted((path.parent for path in results.glob("*/noise.json")), reverse=True):
        try:
            run = read_run(folder)
            if _rig_names(run.info.rigs) == _rig_names(rigs) and _is_alike(run, scenario, interleaving, environment):
                return read_noise_floor(folder)
        except RunFolderError:
            continue  # a floor that can't be read is none
    return None


def _rig_names(rigs: Sequence[RigRecord]) -> list[tuple[str, ...]]:
    return [(rig.server, *rig.generators) for rig in rigs]


def _is_alike(run: Run, scenario: Scenario, interleaving: Interleaving, environment: Environment) -> bool:
    def machine(of: Environment) -> tuple[object, ...]:
        return of.cpu_model, of.usable_cores, of.cpu_quota_cores, of.kernel

    def server(of: Topology) -> tuple[object, ...]:
        return of.image, of.commands, of.files, of.env, of.malloc

    def taking(of: Interleaving) -> tuple[object, ...]:
        return of.kind, of.slice_s, of.turn_s

    here, there = scenario.baseline, run.scenario.baseline
    return (
        machine(run.environment) == machine(environment)
        and taking(run.info.interleaving) == taking(interleaving)
        and run.scenario.load == scenario.load
        and server(here) == server(there)
    )
