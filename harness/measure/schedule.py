"""The schedule: all trials of a run in the order in which they are made, a pure function of scenario and seed."""

import random
from typing import Final

from harness.record.planned import PlannedTrial
from harness.scenario import Scenario, ScenarioLoad, Topology
from harness.stats.pilot import LEAST as LEAST_ROTATIONS

OVERHEAD_S: Final = 1.0  # starting and stopping a server, as long as neither was measured
USUAL_SLICE_S: Final = 0.5
SHORTEST_SLICE_S: Final = 0.05
SLICE_OVERHEAD: Final = 1.2  # of a slice, with its lead-in and its drain
READING_S: Final = 0.015  # before and after a slice
ENOUGH_ROUNDS: Final = 12  # for a verdict; with fewer Student's t takes more than what longer rounds bring
PILOT_S: Final = 1.5  # of a window: longer first rounds rarely bring what they cost, and keep large changes waiting
RACE_ROUNDS: Final = 3  # times as many, where those that are behind get no more of them
MAX_AUTO_ROUNDS: Final = 1000  # where more would be needed, longer windows serve better


def trial_s(load: ScenarioLoad) -> float:
    """Return the expected duration of a trial (seconds)."""
    return load.warmup_s + load.duration_s + OVERHEAD_S


def expected_rounds(scenario: Scenario) -> int:
    """Return the number of rounds or, when they go on until the verdicts are settled, the number for which there
    probably is time: at least one."""
    return scenario.rounds or _rounds_in_time(scenario, trial_s(scenario.load))


def slice_s(scenario: Scenario) -> float:
    """Return the length of a slice (seconds); the usual one as long as none is chosen."""
    return scenario.slice_s or USUAL_SLICE_S


def count_rotations(scenario: Scenario) -> int:
    """Return how many slices each topology gets in a round, by the scenario's window."""
    return max(1, round(scenario.load.duration_s / slice_s(scenario)))


def pilot_rotations(scenario: Scenario) -> int:
    """Return how many slices each topology gets in the first rounds: fewer than by a long window, and still fewer where
    the time would not be enough for a verdict otherwise."""
    rotations = count_rotations(scenario)
    if scenario.rounds is not None:
        return rotations
    each_s = scenario.max_time_s / (ENOUGH_ROUNDS * len(scenario.topologies))
    fitting = int((each_s - scenario.load.warmup_s - OVERHEAD_S) / (SLICE_OVERHEAD * slice_s(scenario) + READING_S))
    return min(rotations, max(min(fitting, round(PILOT_S / slice_s(scenario))), LEAST_ROTATIONS))


def max_rounds(scenario: Scenario) -> int:
    """Return the number of rounds or, when they go on until the verdicts are settled, the most for which there may be
    time: where servers start at once, rounds turn out to be best with the fewest slices, and topologies are dropped."""
    shortest_s = min(scenario.load.duration_s, LEAST_ROTATIONS * (scenario.slice_s or SHORTEST_SLICE_S))
    most = _rounds_in_time(scenario, scenario.load.warmup_s + shortest_s)
    return scenario.rounds or (min(RACE_ROUNDS * most, MAX_AUTO_ROUNDS) if scenario.is_race else most)


def _rounds_in_time(scenario: Scenario, each_s: float) -> int:
    return min(MAX_AUTO_ROUNDS, max(1, int(scenario.max_time_s / (len(scenario.topologies) * each_s))))


def make_schedule(scenario: Scenario, seed: int) -> tuple[PlannedTrial, ...]:
    """Return the trials as randomised complete blocks: each round holds every topology once, in a random order that the
    seed determines.

    The schedule holds all rounds that there may be, although a run may end before the last of them. Interleaving keeps
    a drift of the machine from being taken for a difference between topologies. Those that are compared with each
    other follow each other.
    """
    dice, load_dice = random.Random(seed), random.Random(f"load {seed}")
    trials: list[PlannedTrial] = []
    rounds = max_rounds(scenario)
    digits = max(2, len(str(rounds)))  # so that the ids sort in order
    for block in range(1, rounds + 1):
        order = _order(scenario, dice)
        load_seed = load_dice.getrandbits(32)
        for position, topology in enumerate(order, start=1):
            trial_id = f"r{block:0{digits}d}-{position:02d}-{topology.name}"
            trials.append(PlannedTrial(id=trial_id, block=block, position=position, seed=load_seed, topology=topology))
    return tuple(trials)


def _order(scenario: Scenario, dice: random.Random) -> list[Topology]:
    groups = scenario.groups
    if len(groups) > 1 or scenario.is_of_pairs:
        groups = tuple(dice.sample(groups, k=len(groups)))
    return [topology for group in groups for topology in dice.sample(group, k=len(group))]
