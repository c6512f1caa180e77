"""Run folders of searches on queues, whose law is known."""

import random
from collections.abc import Mapping
from pathlib import Path

from harness.analysis.capacity import Capacity
from harness.load.cpus import Placement
from harness.measure.capacity.searching import plan_round
from harness.record import Run, RunFolder, RunInfo, TrialRecord, read_run
from harness.scenario import Objective, Topology
from harness.stats.sequential import SINGLE_LOOK
from tests.capacity.virtual import Queue, records
from tests.made_runs import BEGAN, environment, scenario_of


def searched_run(
    results: Path, topologies: list[Topology], queues: Mapping[str, Queue], objective: str, rounds: int
) -> Run:
    """A search for so many rounds, of topologies that are these queues."""
    dice, made, objectives = random.Random(1), list[TrialRecord](), [Objective.parse(objective)]
    for block in range(1, rounds + 1):
        found = [Capacity.of(each, made, objectives) for each in topologies]
        for planned in plan_round(block, found, 0.05, dice):
            made += records([planned], queues[planned.topology.name])
    info = RunInfo(
        seed=1,
        started_at=BEGAN,
        command="harness capacity x",
        trials=[],
        looks=SINGLE_LOOK.after,
        placement=Placement(),
        skipped=[],
        objectives=objectives,
    )
    folder = RunFolder.create(results, info, scenario_of(topologies, 1), environment())
    for record in made:
        folder.append(record)
    folder.end("out of time")
    return read_run(folder.path)
