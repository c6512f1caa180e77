"""The sizing of a topology: the number of hosts that it needs, and how much of them is used."""

from dataclasses import dataclass
from math import ceil
from typing import Final, Self

from harness.analysis.bottleneck import MAX_DEMANDED
from harness.machine.environment import Environment
from harness.planning.demand import Demand
from harness.planning.evidence import TopologyCapacity
from harness.planning.response_times import ExpectedTimes, QueueModel, expected_at, matching_models
from harness.stats.estimate import Estimate
from harness.units import HOURS_PER_MONTH

# Of a host's cores, where it has more workers than cores: with two cores (M/M/2), one request in three then waits.
MAX_SHARED_CORES: Final = 0.5


@dataclass(frozen=True)
class PlannedHost:
    """One of the hosts that are planned with."""

    cores: int
    memory_bytes: float

    @classmethod
    def of(cls, demand: Demand, environment: Environment) -> Self:
        """Return the host that the demand asks for; what it leaves open is as on the machine that was measured."""
        return cls(
            demand.cores_per_host or environment.usable_cores,
            demand.memory_per_host_bytes or environment.memory_bytes,
        )


@dataclass(frozen=True)
class Sizing:
    """One topology on so many hosts, with ``instances`` of it on each.

    ``capacity`` is that of a host, and ``planned_rate_per_s`` the lower end of its interval, which is planned with.
    ``at_target``, ``at_peak`` and ``after_loss`` are the used parts of it, the last after the loss of as many hosts as
    is tolerated (None where none is). ``expected_at_peak`` and ``expected_after_loss`` are the response times,
    ``models`` the queueing models that agree with the measurements. Costs are in the unit of a host's.
    """

    carried: TopologyCapacity
    instances: int
    capacity: Estimate
    planned_rate_per_s: float
    hosts: int
    at_target: float
    at_peak: float
    after_loss: float | None
    memory_bytes: float
    idle_cores: int
    cost_per_h: float | None
    models: tuple[QueueModel, ...]
    expected_at_peak: ExpectedTimes | None
    expected_after_loss: ExpectedTimes | None

    @property
    def cost_per_month(self) -> float | None:
        """The cost of 730 hours; None where a host's is unknown."""
        return None if self.cost_per_h is None else self.cost_per_h * HOURS_PER_MONTH


def hosts_needed(peak_per_s: float, planned_rate_per_s: float, headroom: float, failures_tolerated: int) -> int:
    """Return the smallest number of hosts that keep the headroom at the peak, plus one for each tolerated failure: N +
    k."""
    return _round_up(peak_per_s / (planned_rate_per_s * (1 - headroom))) + failures_tolerated


def sizing_of(carried: TopologyCapacity, demand: Demand, host: PlannedHost) -> Sizing | None:
    """Return the sizing of the topology; None where its capacity has no interval, or the lower end of it is zero."""
    if carried.rate is None or not carried.rate.low:
        return None
    instances = demand.instances_per_host
    peak_per_s, planned_rate_per_s = demand.peak_per_s, instances * carried.rate.low
    hosts = hosts_needed(peak_per_s, planned_rate_per_s, demand.headroom, demand.lose)
    left, models = hosts - demand.lose, matching_models(carried)
    return Sizing(
        carried=carried,
        instances=instances,
        capacity=carried.rate.times(instances),
        planned_rate_per_s=planned_rate_per_s,
        hosts=hosts,
        at_target=demand.target_per_s / (hosts * planned_rate_per_s),
        at_peak=peak_per_s / (hosts * planned_rate_per_s),
        after_loss=peak_per_s / (left * planned_rate_per_s) if demand.lose else None,
        memory_bytes=memory_bytes(carried, instances),
        idle_cores=max(0, host.cores - instances * carried.workers),
        cost_per_h=None if demand.host_cost_per_h is None else hosts * demand.host_cost_per_h,
        models=models,
        expected_at_peak=expected_at(carried, models, peak_per_s / (hosts * instances)),
        expected_after_loss=expected_at(carried, models, peak_per_s / (left * instances)) if demand.lose else None,
    )


def competes(carried: TopologyCapacity, instances: int, host: PlannedHost) -> bool:
    """Return whether the instances would get less CPU on such hosts than where they were measured: they want more cores
    than there are or, with more workers than cores, would often wait for each other, though the mean demand is less
    than the number of cores."""
    most = MAX_DEMANDED if instances * carried.workers <= host.cores else MAX_SHARED_CORES
    return instances * carried.demanded_cores > most * host.cores


def memory_bytes(carried: TopologyCapacity, instances: int) -> float:
    """Return the memory of all the server's processes on a host, by the upper end of the interval where there is
    one."""
    return instances * (carried.memory_bytes.high or carried.memory_bytes.value)


def _round_up(hosts: float) -> int:
    """Return the number of hosts as a whole number, rounded up except for a rounding error."""
    return max(1, ceil(hosts - 1e-9))
