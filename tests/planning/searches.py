"""Run folders of searches on a virtual testbed, whose law is known."""

import random
from pathlib import Path

from harness.analysis.capacity import Capacity
from harness.load.cpus import Placement
from harness.measure.capacity.searching import schedule_round
from harness.record import Run, RunFolder, RunInfo, TrialRecord, read_run
from harness.scenario import Objective, Topology
from harness.stats.sequential import SINGLE_LOOK
from tests.capacity.virtual import make_round
from tests.made_runs import BEGAN, environment, scenario_of
from tests.rehearsal.testbed import VirtualTestbed


def searched_run(
    results: Path, topologies: list[Topology], testbed: VirtualTestbed, objective: str, rounds: int
) -> Run:
    """A search for so many rounds."""
    dice, made, objectives = random.Random(1), list[TrialRecord](), [Objective.parse(objective)]
    for block in range(1, rounds + 1):
        found = [Capacity.of(each, made, objectives) for each in topologies]
        made += make_round(schedule_round(block, found, 0.05, dice), testbed)
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
