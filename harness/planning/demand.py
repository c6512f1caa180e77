"""The demand of a plan: the rate to be carried, and the kind of hosts."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Demand(BaseModel):
    """The rate to be carried (requests/s), and the hosts for it.

    ``headroom`` is the part of a host's capacity that stays free at the peak. ``lose`` is the number of host failures
    that are tolerated: the other hosts still carry the peak. ``workers`` are the numbers of workers on a host to choose
    from, by default those that were measured, and one for each core. ``instances_per_host`` is the number of such
    servers on a host. Where cores or memory of a host are None, they are those of the machine that was measured.
    Without a ``host_cost_per_h``, plans have no costs; they are in the ``currency``, if that is known.
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
        """The greatest rate that the hosts have to carry (requests/s)."""
        return self.target_per_s * self.peak_factor
