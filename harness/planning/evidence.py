"""The evidence of a plan: the measured capacity of each topology of a run, and how its family scales."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from harness.analysis.bottleneck import Bottleneck
from harness.analysis.capacity import Capacity, capacities
from harness.analysis.pools import connections_to_services
from harness.analysis.run import RunAnalysis
from harness.analysis.scaling import FamilyScaling, scaling_of
from harness.analysis.trials import Trial, are_oversubscribed, median_workers
from harness.machine.environment import Environment
from harness.planning.excluded import Excluded, PlanningError
from harness.record import Run
from harness.scenario import Topology
from harness.stats.crossing import BadShare
from harness.stats.estimate import Estimate, mean_over_trials
from harness.stats.queueing import ServiceTime
from harness.units import MS_PER_S

FLOORS: Final = {
    Bottleneck.CONNECTIONS: "the CPU was not the limit, but the number of connections",
    **dict.fromkeys(
        (
            Bottleneck.PROCESS,
            Bottleneck.SERVICE,
            Bottleneck.ACKS,
            Bottleneck.DISK,
            Bottleneck.LOCKS,
            Bottleneck.CONCURRENCY,
        ),
        "the CPU of its workers was not the limit, but what they waited for",
    ),
    Bottleneck.STARVED: "the CPU was not the limit, so that connections may have been",
    Bottleneck.MACHINE: "the machine was the limit",
    Bottleneck.NETWORK: "the network was the limit",
}


class Observed(Protocol):
    """The requests at one rate that was offered, such as those of a probe."""

    @property
    def rate_per_s(self) -> float:
        """The rate of arrivals (requests/s)."""

    def count_slower(self, limit_ms: float) -> BadShare:
        """Return the share of requests that took longer than ``limit_ms`` (milliseconds)."""


@dataclass(frozen=True)
class TopologyCapacity:
    """The capacity of one topology.

    ``rate`` is the rate to plan with (requests/s): the saturation throughput or, with an ``objective``, the highest
    rate that keeps it; None where no rate kept it. ``workers`` is 1 for a topology that is no cluster. ``service`` is
    the service time at low load. ``observed`` are the measurements at each rate that was offered, the lowest first.
    ``memory_bytes`` is the memory of all its processes, ``demanded_cores`` the number of cores that they would have
    kept busy, had there been enough.

    ``service_connections`` are those that all its processes together hold to each service.

    For a prediction, ``predicted_from`` are the numbers of workers that it is based on, and ``like`` is the topology
    with the last of them; empty and None where this was measured. ``floor`` says why the real figures may be greater,
    None where they are not.
    """

    topology: str
    family: str
    workers: int
    is_cluster: bool
    rate: Estimate | None
    saturation: Estimate | None
    memory_bytes: Estimate
    demanded_cores: float
    objective: str | None = None
    service: ServiceTime | None = None
    observed: tuple[Observed, ...] = ()
    predicted_from: tuple[int, ...] = ()
    like: "TopologyCapacity | None" = None
    floor: str | None = None
    service_connections: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_saturation(self) -> bool:
        """True if the rate is the saturation throughput, and is bounded by no objective."""
        return self.rate is not None and self.rate == self.saturation


@dataclass(frozen=True)
class CapacityEvidence:
    """The measurements that a plan is based on. ``load`` describes the load that was offered, ``command`` is the
    command line that measures again. ``refused`` are the topologies of unknown capacity. Memory ``is_proportional``
    where shared pages are counted once. ``allowed_connections`` are those that services allow, by name, where the
    scenario says so."""

    carried: tuple[TopologyCapacity, ...]
    families: tuple[FamilyScaling, ...]
    refused: tuple[Excluded, ...]
    environment: Environment
    load: str
    command: str
    is_proportional: bool = False
    allowed_connections: Mapping[str, int] = field(default_factory=dict)


def evidence_of(run: Run) -> CapacityEvidence:
    """Return the evidence of a comparison in a closed loop, whose throughput is the saturation throughput, or of a
    search for the capacity, which measures that too. Raises PlanningError for other runs."""
    return _evidence_of_search(run) if run.is_search else _evidence_of_comparison(run)


def _evidence_of_search(run: Run) -> CapacityEvidence:
    of_each = capacities(run)
    found = [_capacity_with_objectives(capacity) for capacity in of_each]
    return CapacityEvidence(
        carried=tuple(each for each in found if isinstance(each, TopologyCapacity)),
        families=tuple(scaling_of(run.scenario, RunAnalysis(run).trials, {})),
        refused=tuple(each for each in found if isinstance(each, Excluded)),
        environment=run.environment,
        load="requests that arrive at random",
        command=run.info.command,
        is_proportional=_is_proportional([trial for capacity in of_each for trial in capacity.ceilings]),
        allowed_connections=_allowed_connections(run),
    )


def _capacity_with_objectives(capacity: Capacity) -> TopologyCapacity | Excluded:
    """Return the capacity with all objectives kept, or why it is unknown."""
    found = _saturation_capacity(capacity.topology, capacity.ceilings)
    if isinstance(found, Excluded):
        return found
    objective = " and ".join(each.text for each in capacity.objectives)
    if capacity.rate is None and capacity.unkept is None:
        return Excluded(
            found.topology, f"The search did not find how much it carries with {objective}.", "Let it go on."
        )
    lowest = capacity.probes[0].load.service_ms
    return replace(
        found,
        rate=capacity.rate,
        objective=objective,
        service=ServiceTime(lowest.mean / MS_PER_S, (lowest.stdev / lowest.mean) ** 2) if lowest else None,
        observed=capacity.probes,
    )


def _evidence_of_comparison(run: Run) -> CapacityEvidence:
    scenario = run.scenario
    if scenario.is_of_two_commits:
        raise PlanningError(
            "a comparison of two commits is no basis of a plan: measure one of them, by harness compare"
        )
    if scenario.load.arrivals:
        raise PlanningError(
            "this run offered a rate: whoever kept up with it carries at least that, and how much more can't be told."
            " Measure without a rate, in a closed loop, or plan from a run of harness capacity"
        )
    analysis = RunAnalysis(run)
    found = [_saturation_capacity(topology, analysis.trials[topology.name]) for topology in scenario.topologies]
    return CapacityEvidence(
        carried=tuple(each for each in found if isinstance(each, TopologyCapacity)),
        families=tuple(analysis.scaling),
        refused=tuple(each for each in found if isinstance(each, Excluded)),
        environment=run.environment,
        load=f"a closed loop of {scenario.load.connections} connections",
        command=run.info.command,
        is_proportional=_is_proportional([trial for of in analysis.trials.values() for trial in of]),
        allowed_connections=_allowed_connections(run),
    )


def _allowed_connections(run: Run) -> dict[str, int]:
    return {each.name: each.max_connections for each in run.scenario.services if each.max_connections is not None}


def _is_proportional(trials: Sequence[Trial]) -> bool:
    return all(trial.is_proportional for trial in trials)


def _saturation_capacity(topology: Topology, trials: Sequence[Trial]) -> TopologyCapacity | Excluded:
    """Return the saturation throughput as the capacity, or why it is unknown."""
    usable = [trial for trial in trials if not trial.is_generator_bound]
    if not trials:
        why, advice = "No trial of it counts.", "Look for why in the report of the run, and measure it again."
        return Excluded(topology.name, why, advice)
    if not usable:
        why, advice = "The load generator was the limit of all its trials.", "Give it more processes."
        return Excluded(topology.name, why, advice)
    workers = median_workers(usable)
    rate = mean_over_trials([trial.requests_per_s for trial in usable])
    return TopologyCapacity(
        topology=topology.name,
        family=topology.family,
        workers=workers,
        is_cluster=topology.workers is not None or workers > 1,
        rate=rate,
        saturation=rate,
        memory_bytes=mean_over_trials([trial.memory_bytes for trial in usable]),
        demanded_cores=sum(trial.demanded_cores for trial in usable) / len(usable),
        floor=_floor(usable),
        service_connections=connections_to_services(usable),
    )


def _floor(trials: Sequence[Trial]) -> str | None:
    if are_oversubscribed(trials):
        return "it and the load generator wanted more cores than there were"
    ((limit, _),) = Counter(trial.limiting.limit for trial in trials).most_common(1)
    return FLOORS.get(limit)
