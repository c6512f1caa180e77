"""The question: what is to be carried, and by hosts of what kind."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Demand(BaseModel):
    """What is to be carried. Of the hosts, None means as the machine that was measured; without a cost none is told.

    ``headroom`` is the part of a host's capacity that stays free at the peak; ``lose`` how many hosts may be lost, so
    that the others still carry the peak; ``workers`` the numbers of workers on a host that come into question, by
    default those that were measured, and one for each core; ``instances_per_host`` how many such servers a host runs
    beside each other. Costs are in the ``currency``, if that is known.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    target_per_s: float = Field(gt=0)
    peak_factor: float = Field(default=1.0, ge=1)
    headroom: float = Field(default=0.3, ge=0, lt=1)
    lose: int = Field(default=0, ge=0)
    workers: tuple[Annotated[int, Field(ge=1)], ...] = ()
    instances_per_host: int = Field(default=1, ge=1)
    cores_per_host: int | None = Field(default=None, ge=1)
    memory_per_host_bytes: float | None = Field(default=None, gt=0)
    host_cost_per_h: float | None = Field(default=None, ge=0)
    currency: str | None = None

    @property
    def peak_per_s(self) -> float:
        """The greatest rate that hosts have to carry."""
        return self.target_per_s * self.peak_factor
