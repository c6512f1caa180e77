"""The schedule: all trials of a run in the order in which they are made, a pure function of scenario and seed."""

import random
from typing import Final

from harness.record.planned import PlannedTrial
from harness.scenario import Scenario, ScenarioLoad, Topology

OVERHEAD_S: Final = 2.0  # starting and stopping a server, as long as neither was measured
MAX_AUTO_ROUNDS: Final = 1000  # where more would be needed, longer windows serve better


def trial_s(load: ScenarioLoad) -> float:
    """Return the expected duration of a trial (seconds)."""
    return load.warmup_s + load.duration_s + OVERHEAD_S


def max_rounds(scenario: Scenario) -> int:
    """Return the number of rounds or, when they go on until the verdicts are settled, the number for which there is
    time: at least one."""
    if scenario.rounds is not None:
        return scenario.rounds
    return min(MAX_AUTO_ROUNDS, max(1, int(scenario.max_time_s / (len(scenario.topologies) * trial_s(scenario.load)))))


def make_schedule(scenario: Scenario, seed: int) -> tuple[PlannedTrial, ...]:
    """Return the trials as randomised complete blocks: each round holds every topology once, in a random order that the
    seed determines.

    The schedule holds all rounds that there may be, although a run may end before the last of them. Interleaving keeps
    a drift of the machine from being taken for a difference between topologies. Of two commits, both trials of a
    topology follow each other.
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
    if not scenario.is_of_two_commits:
        return dice.sample(scenario.topologies, k=len(scenario.topologies))
    pairs = dice.sample(scenario.pairs, k=len(scenario.pairs))
    return [topology for pair in pairs for topology in dice.sample(pair, k=2)]
