"""The plan: every trial of a run in the order in which they are made, a pure function of scenario and seed."""

import random
from typing import Final

from harness.record.planned import PlannedTrial
from harness.scenario import Scenario, ScenarioLoad, Topology

OVERHEAD_S: Final = 2.0  # starting and stopping a server, before any was seen to start and stop
MOST_AUTO: Final = 1000  # rounds: who needs more of them measures longer windows


def trial_s(load: ScenarioLoad) -> float:
    """How long a trial takes, roughly (seconds)."""
    return load.warmup_s + load.duration_s + OVERHEAD_S


def most_rounds(scenario: Scenario) -> int:
    """How many rounds there are to be, or, when they go on until the verdicts are settled, for how many there is time.

    At least one is always made.
    """
    if scenario.rounds is not None:
        return scenario.rounds
    return min(MOST_AUTO, max(1, int(scenario.max_time_s / (len(scenario.topologies) * trial_s(scenario.load)))))


def make_plan(scenario: Scenario, seed: int) -> tuple[PlannedTrial, ...]:
    """Randomised complete blocks: each round holds every topology once, in an order drawn anew from the seed.

    All rounds that there may be are in it, although a run may end before their last.

    Interleaving keeps a drift of the machine from being taken for a difference between topologies. What two commits
    have of one topology follow each other.
    """
    dice, load_dice = random.Random(seed), random.Random(f"load {seed}")
    trials: list[PlannedTrial] = []
    rounds = most_rounds(scenario)
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
