"""A trial of the schedule, to be made."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from harness.scenario import Topology
from harness.scenario.table import NAME
from harness.units.ranges import Amount, PositiveCount

TrialId = Annotated[str, Field(pattern=NAME, max_length=200)]  # files are named after it


class PlannedTrial(BaseModel):
    """One trial to be made. ``block`` is its round, ``position`` its place in the round, both from 1. The ``id`` is
    unique in the run, and ids sort in the order of the trials.

    ``seed`` determines what is random in the load. It is the same for all topologies of a round, which so receive the
    same requests. ``rate_per_s`` is the rate to offer instead of the scenario's own load.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    id: TrialId
    block: PositiveCount
    position: PositiveCount
    seed: int
    topology: Topology
    rate_per_s: Amount | None = None
