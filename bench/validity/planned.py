"""Comparisons whose rounds change their length: the number of rotations is planned from the first five rounds."""

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from bench.validity.comparisons import MOST_BLOCKS, Outcome, in_parallel, judge_until_sure, outcome_if_sure
from bench.validity.sliced import ROTATIONS, SlicedWorld
from harness.stats.pilot import LEAST, LONGEST, Pilot, RoundCosts, plan_rotations, replan_looks
from harness.stats.sequential import FIRST_LOOK, looks_until

COSTS: Final = RoundCosts(launch_s=4.0, rotation_s=1.0)


@dataclass(frozen=True)
class Time:
    """The time of a run: for so many rounds as long as those of the pilot, which have so many rotations."""

    rounds: int
    rotations: int

    @property
    def whole_s(self) -> float:
        """The time of all of them (seconds)."""
        return self.rounds * COSTS.of_round_s(self.rotations)

    @property
    def most_rounds(self) -> int:
        """The number of rounds that there may be: the pilot's, and then the shortest."""
        left_s = self.whole_s - FIRST_LOOK * COSTS.of_round_s(self.rotations)
        return FIRST_LOOK + max(1, int(left_s / COSTS.of_round_s(LEAST)))


LONG: Final = Time(MOST_BLOCKS, ROTATIONS)
SHORT: Final = Time(8, 2)


def simulated_planned(world: SlicedWorld, effect: float, runs: int, seed: int, time: Time) -> list[Outcome]:
    """Comparisons in so much time, on all cores."""
    return in_parallel(partial(_simulated_once, world, effect, seed, time), runs)


def _simulated_once(world: SlicedWorld, effect: float, seed: int, time: Time, number: int) -> Outcome:
    found = world(np.random.default_rng([seed, number]), time.most_rounds, LONGEST * time.rotations)
    first_counts = [time.rotations] * FIRST_LOOK
    of_pilot = found.differences([*first_counts, *[time.rotations] * (time.most_rounds - FIRST_LOOK)])
    if first := outcome_if_sure(of_pilot, effect, FIRST_LOOK, looks_until(time.rounds)):
        return first
    pilot = Pilot(FIRST_LOOK, time.rotations, COSTS, time.whole_s - FIRST_LOOK * COSTS.of_round_s(time.rotations))
    rotations = plan_rotations(pilot, [found.ratios[:FIRST_LOOK, : time.rotations, 0].tolist()])
    rounds = FIRST_LOOK + max(1, pilot.count_rounds(rotations))
    counts = [*first_counts, *[rotations] * (time.most_rounds - FIRST_LOOK)]
    return judge_until_sure(found.differences(counts), effect, replan_looks(FIRST_LOOK, rounds))
