"""A trial that is to be made."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from harness.scenario import Topology
from harness.scenario.table import NAME
from harness.units.ranges import Amount, PositiveCount

TrialId = Annotated[str, Field(pattern=NAME, max_length=200)]  # also the name of files


class PlannedTrial(BaseModel):
    """One trial to be made. ``block`` and ``position`` count from 1; the id is unique in the run and sorts in order.

    ``seed`` draws what is random in the load: the same for all topologies of a block, which so meet the same requests.
    ``rate_per_s`` is the rate to be offered, where it is not the scenario that says what is.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    id: TrialId
    block: PositiveCount
    position: PositiveCount
    seed: int
    topology: Topology
    rate_per_s: Amount | None = None
