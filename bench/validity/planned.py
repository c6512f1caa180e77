"""Comparisons whose rounds change their length: the number of rotations is planned from the first five rounds."""

from functools import partial
from typing import Final

import numpy as np

from bench.validity.comparisons import MOST_BLOCKS, Outcome, in_parallel, judge_until_sure, outcome_if_sure
from bench.validity.sliced import ROTATIONS, SlicedWorld
from harness.stats.pilot import LEAST, LONGEST, Pilot, RoundCosts, plan_rotations, replan_looks
from harness.stats.sequential import FIRST_LOOK, looks_until

COSTS: Final = RoundCosts(launch_s=4.0, rotation_s=1.0)
TIME_S: Final = MOST_BLOCKS * COSTS.of_round_s(ROTATIONS)
MOST_ROUNDS: Final = FIRST_LOOK + int((TIME_S - FIRST_LOOK * COSTS.of_round_s(ROTATIONS)) / COSTS.of_round_s(LEAST))


def simulated_planned(world: SlicedWorld, effect: float, runs: int, seed: int) -> list[Outcome]:
    """Comparisons in as much time as 30 rounds of the usual length take, on all cores."""
    return in_parallel(partial(_simulated_once, world, effect, seed), runs)


def _simulated_once(world: SlicedWorld, effect: float, seed: int, number: int) -> Outcome:
    found = world(np.random.default_rng([seed, number]), MOST_ROUNDS, LONGEST * ROTATIONS)
    pilot = found.differences([ROTATIONS] * MOST_ROUNDS)
    if first := outcome_if_sure(pilot, effect, FIRST_LOOK, looks_until(MOST_BLOCKS)):
        return first
    planned = Pilot(FIRST_LOOK, ROTATIONS, COSTS, TIME_S - FIRST_LOOK * COSTS.of_round_s(ROTATIONS))
    rotations = plan_rotations(planned, [found.ratios[:FIRST_LOOK, :ROTATIONS, 0].tolist()])
    rounds = FIRST_LOOK + planned.count_rounds(rotations)
    counts = [ROTATIONS] * FIRST_LOOK + [rotations] * (MOST_ROUNDS - FIRST_LOOK)
    return judge_until_sure(found.differences(counts), effect, replan_looks(FIRST_LOOK, rounds))
