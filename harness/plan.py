"""The plan: every trial of a run in the order in which they are made, a pure function of scenario and seed."""

import random

from pydantic import BaseModel, ConfigDict

from harness.scenario import Scenario, Topology


class PlannedTrial(BaseModel):
    """One trial to be made. ``block`` and ``position`` count from 1; the id is unique in the run and sorts in order.

    ``seed`` draws what is random in the load: the same for all topologies of a block, which so meet the same requests.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    block: int
    position: int
    seed: int
    topology: Topology


def make_plan(scenario: Scenario, seed: int) -> tuple[PlannedTrial, ...]:
    """Randomised complete blocks: each round holds every topology once, in an order drawn anew from the seed.

    Interleaving keeps a drift of the machine from being taken for a difference between topologies.
    """
    dice, load_dice = random.Random(seed), random.Random(f"load {seed}")
    trials: list[PlannedTrial] = []
    digits = max(2, len(str(scenario.rounds)))  # so that the ids sort in order
    for block in range(1, scenario.rounds + 1):
        order = dice.sample(scenario.topologies, k=len(scenario.topologies))
        load_seed = load_dice.getrandbits(32)
        for position, topology in enumerate(order, start=1):
            trial_id = f"r{block:0{digits}d}-{position:02d}-{topology.name}"
            trials.append(PlannedTrial(id=trial_id, block=block, position=position, seed=load_seed, topology=topology))
    return tuple(trials)
