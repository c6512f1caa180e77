"""A search for the capacity as the basis of a plan."""

import random
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from harness.analysis.capacity import Capacity
from harness.capacity.searching import plan_round
from harness.generator.placement import Placement
from harness.planning.carried import evidence_of
from harness.planning.demand import Demand
from harness.planning.proposal import propose
from harness.planning.refused import PlanningError
from harness.record import Run, RunFolder, RunInfo, TrialRecord, read_run
from harness.scenario import Objective
from harness.stats.sequential import ONCE
from tests.capacity.virtual import Queue, records
from tests.made_runs import BEGAN, environment, scenario_of, topology

SERVED_PER_S: Final = {"raw": 200.0, "cluster-2": 390.0}
TOPOLOGIES: Final = [topology("raw", baseline=True), topology("cluster-2", workers=2)]


def searched(results: Path, objective: str, rounds: int) -> Run:
    """The run folder of a search for so many rounds, on queues that serve so much."""
    dice, made, objectives = random.Random(1), list[TrialRecord](), [Objective.parse(objective)]
    queues = {name: Queue(rate, np.random.default_rng(1)) for name, rate in SERVED_PER_S.items()}
    for block in range(1, rounds + 1):
        found = [Capacity.of(each, made, objectives) for each in TOPOLOGIES]
        for planned in plan_round(block, found, 0.05, dice):
            made += records([planned], queues[planned.topology.name])
    info = RunInfo(
        seed=1,
        started_at=BEGAN,
        command="harness capacity x",
        trials=[],
        looks=ONCE.after,
        placement=Placement(),
        skipped=[],
        objectives=objectives,
    )
    folder = RunFolder.create(results, info, scenario_of(TOPOLOGIES, 1), environment())
    for record in made:
        folder.append(record)
    folder.end("out of time")
    return read_run(folder.path)


def test_the_rate_that_keeps_the_objective_is_planned_with(tmp_path: Path) -> None:
    evidence = evidence_of(searched(tmp_path, "p99 < 115ms", rounds=8))
    rates = {each.topology: each.rate for each in evidence.carried}
    assert rates["raw"]
    assert rates["raw"].value == pytest.approx(160, rel=0.1)
    assert rates["cluster-2"]
    assert rates["cluster-2"].value == pytest.approx(350, rel=0.1)
    assert {each.objective for each in evidence.carried} == {"p99 < 115ms"}
    assert all(each.observed and each.saturation for each in evidence.carried)
    best = propose(evidence, Demand(target_per_s=500, headroom=0.1)).best
    assert (best.carried.topology, best.hosts) == ("cluster-2", 2)


def test_an_objective_that_nothing_keeps_is_no_plan(tmp_path: Path) -> None:
    evidence = evidence_of(searched(tmp_path, "p99 < 1ms", rounds=4))
    assert {each.rate for each in evidence.carried} == {None}
    with pytest.raises(PlanningError, match="no topology keeps p99 < 1ms at any rate that was offered"):
        propose(evidence, Demand(target_per_s=500))


def test_what_the_search_did_not_find_is_refused(tmp_path: Path) -> None:
    evidence = evidence_of(searched(tmp_path, "p99 < 115ms", rounds=1))
    assert evidence.carried == ()
    assert {each.topology for each in evidence.refused} == {"raw", "cluster-2"}
    assert "did not find how much it carries" in evidence.refused[0].why
