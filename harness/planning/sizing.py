"""How many hosts a topology needs, and how busy they are."""

from dataclasses import dataclass
from math import ceil
from typing import Final, Self

from harness.analysis.bottleneck import MOST_DEMANDED
from harness.machine.environment import Environment
from harness.planning.demand import Demand
from harness.planning.evidence import TopologyCapacity
from harness.planning.response_times import Expected, Lines, expected_at, models_held
from harness.stats.estimate import Estimate
from harness.units import HOURS_PER_MONTH

MOST_SHARED: Final = (
    0.5  # of a host's cores, by more workers than these: one in three then finds neither of two free (M/M/2)
)


@dataclass(frozen=True)
class PlannedHost:
    """One of the machines that are planned with."""

    cores: int
    memory_bytes: float

    @classmethod
    def of(cls, demand: Demand, environment: Environment) -> Self:
        """As asked for, and otherwise like the machine that was measured."""
        return cls(
            demand.cores_per_host or environment.usable_cores,
            demand.memory_per_host_bytes or environment.memory_bytes,
        )


@dataclass(frozen=True)
class Sizing:
    """One topology, on so many hosts, ``instances`` of it on each. ``capacity`` is a host's, of which the lower end of
    the interval, ``careful``, is planned with: ``at_target``, ``at_peak`` and ``after_loss`` are the parts of it that
    are used, the last with as many hosts lost as may be (None when none may). Response times are those
    ``expected_at_peak`` and ``expected_after_loss``, ``models`` those that hold. Costs are in the unit that a host's
    was given in."""

    carried: TopologyCapacity
    instances: int
    capacity: Estimate
    careful_per_s: float
    hosts: int
    at_target: float
    at_peak: float
    after_loss: float | None
    memory_bytes: float
    idle_cores: int
    cost_per_h: float | None
    models: tuple[Lines, ...]
    expected_at_peak: Expected | None
    expected_after_loss: Expected | None

    @property
    def cost_per_month(self) -> float | None:
        """Of 730 hours."""
        return None if self.cost_per_h is None else self.cost_per_h * HOURS_PER_MONTH


def hosts_needed(peak_per_s: float, careful_per_s: float, headroom: float, lose: int) -> int:
    """The fewest that keep the headroom at the peak, and as many besides as may be lost: N + k."""
    return _at_least(peak_per_s / (careful_per_s * (1 - headroom))) + lose


def sizing_of(carried: TopologyCapacity, demand: Demand, host: PlannedHost) -> Sizing | None:
    """None where there is no interval, or nothing that may be carried."""
    if carried.rate is None or not carried.rate.low:
        return None
    instances = demand.instances_per_host
    peak_per_s, careful_per_s = demand.peak_per_s, instances * carried.rate.low
    hosts = hosts_needed(peak_per_s, careful_per_s, demand.headroom, demand.lose)
    left, models = hosts - demand.lose, models_held(carried)
    return Sizing(
        carried=carried,
        instances=instances,
        capacity=carried.rate.times(instances),
        careful_per_s=careful_per_s,
        hosts=hosts,
        at_target=demand.target_per_s / (hosts * careful_per_s),
        at_peak=peak_per_s / (hosts * careful_per_s),
        after_loss=peak_per_s / (left * careful_per_s) if demand.lose else None,
        memory_bytes=memory_bytes(carried, instances),
        idle_cores=max(0, host.cores - instances * carried.workers),
        cost_per_h=None if demand.host_cost_per_h is None else hosts * demand.host_cost_per_h,
        models=models,
        expected_at_peak=expected_at(carried, models, peak_per_s / (hosts * instances)),
        expected_after_loss=expected_at(carried, models, peak_per_s / (left * instances)) if demand.lose else None,
    )


def competes(carried: TopologyCapacity, instances: int, host: PlannedHost) -> bool:
    """Whether they would get less CPU on such hosts than where it was measured: they want more cores than there are,
    or more workers than these would often wait for each other, though on the average there is a core for each."""
    most = MOST_DEMANDED if instances * carried.workers <= host.cores else MOST_SHARED
    return instances * carried.demanded_cores > most * host.cores


def memory_bytes(carried: TopologyCapacity, instances: int) -> float:
    """Of all the server's processes on a host, by the upper end of the interval where there is one."""
    return instances * (carried.memory_bytes.high or carried.memory_bytes.value)


def _at_least(hosts: float) -> int:
    """Whole ones, less what is lost in computing with fractions."""
    return max(1, ceil(hosts - 1e-9))
