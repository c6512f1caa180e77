"""The proposal of a plan: every topology that can carry the target, the best one, and those that are excluded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from harness.analysis.scaling import FamilyScaling
from harness.planning.assumptions import Assumption, assumptions_of
from harness.planning.demand import Demand
from harness.planning.evidence import CapacityEvidence, TopologyCapacity
from harness.planning.excluded import BeyondDataError, Excluded, PlanningError
from harness.planning.prediction import predict
from harness.planning.sizing import PlannedHost, Sizing, competes, memory_bytes, sizing_of
from harness.units import size_text

MIN_HEADROOM: Final = 0.05  # of the saturation throughput: with less, requests wait twenty service times and more
SATURATED: Final = (
    'Measure what keeps an objective, by harness capacity with --slo "p99 < 250ms" or what you promise, or leave'
    f" {MIN_HEADROOM:.0%} headroom or more."
)


@dataclass(frozen=True)
class Proposal:
    """A plan. ``sizings`` are those of all topologies that can carry the demand, the best one first."""

    demand: Demand
    host: PlannedHost
    sizings: tuple[Sizing, ...]
    refused: tuple[Excluded, ...]
    assumptions: tuple[Assumption, ...]

    @property
    def best(self) -> Sizing:
        """The sizing with the fewest hosts, which is the cheapest, since all hosts cost the same; of those with equally
        many, the one with the fewest workers."""
        return self.sizings[0]

    @property
    def is_one_worker_enough(self) -> bool:
        """True if one worker on a single host carries the peak, so that further hosts are for redundancy alone."""
        workers = self.best.instances * self.best.carried.workers
        return workers == 1 and self.best.hosts - self.demand.lose <= 1


def propose(evidence: CapacityEvidence, demand: Demand) -> Proposal:
    """Return the plan for the demand. Raises PlanningError, with every reason, when no topology can carry it."""
    host = PlannedHost.of(demand, evidence.environment)
    found, refused = list[Sizing](), list(evidence.refused)
    for each in _candidates(evidence, demand, host):
        sizing = each if isinstance(each, Excluded) else _size_or_exclude(each, evidence, demand, host)
        if isinstance(sizing, Excluded):
            refused.append(sizing)
        else:
            found.append(sizing)
    if not found:
        raise PlanningError("\n".join(_reasons(evidence, demand, refused)))
    sizings = sorted(found, key=lambda sizing: (sizing.hosts, sizing.carried.workers))
    assumptions = assumptions_of(evidence, demand, host, sizings)
    return Proposal(demand, host, tuple(sizings), tuple(refused), tuple(assumptions))


def _candidates(evidence: CapacityEvidence, demand: Demand, host: PlannedHost) -> Iterator[TopologyCapacity | Excluded]:
    """Yield the measured topologies and, for each family of clusters, the predictions for other sizes that are in
    question."""
    for each in evidence.carried:
        if not demand.workers or each.workers in demand.workers:
            yield each
    families = {each.family: each for each in evidence.families}
    for name in dict.fromkeys(each.family for each in evidence.carried if each.is_cluster):
        members = [each for each in evidence.carried if each.family == name]
        wanted = set(demand.workers or (max(1, host.cores // demand.instances_per_host),)) - {
            member.workers for member in members
        }
        for workers in sorted(wanted):
            yield _predict_or_exclude(families.get(name), members, workers, evidence.command)


def _predict_or_exclude(
    family: FamilyScaling | None, members: Sequence[TopologyCapacity], workers: int, command: str
) -> TopologyCapacity | Excluded:
    try:
        return predict(family, members, workers)
    except BeyondDataError as error:
        sizes = sorted({*(member.workers for member in members), 1, 2, -(-workers // 2), workers})
        advice = f"Measure it, on a machine with cores enough: workers = {sizes} in the scenario, then: {command}"
        return Excluded(f"{members[0].family}, {workers} workers", str(error), advice)


def _size_or_exclude(
    carried: TopologyCapacity, evidence: CapacityEvidence, demand: Demand, host: PlannedHost
) -> Sizing | Excluded:
    """Return the sizing of the topology, or why it can't be planned with or does not fit such hosts."""
    if carried.rate is None:
        why = f"It keeps {carried.objective} at no rate that was offered, so that more hosts do not help."
        return Excluded(carried.topology, why, "Make it faster, or promise less.")
    if carried.rate.low is None:
        why = "A single trial has no interval, whose lower end would be planned with."
        return Excluded(carried.topology, why, f"Measure more rounds: {evidence.command}")
    if carried.is_saturation and demand.headroom < MIN_HEADROOM:
        used = f"{1 - demand.headroom:.0%} of its saturation throughput"
        why = f"With {used} in use, nothing bounds how long requests wait."
        return Excluded(carried.topology, why, SATURATED)
    instances = demand.instances_per_host
    if competes(carried, instances, host):
        total, busy = instances * carried.workers, instances * carried.demanded_cores
        workers = f"{total} worker{'' if total == 1 else 's'}"
        why = f"Its {workers} would keep {busy:.1f} cores busy, and compete for {host.cores}."
        return Excluded(carried.topology, why, "Plan with hosts that have a core for each worker.")
    if (needed := memory_bytes(carried, instances)) > host.memory_bytes:
        why = f"Its processes need {size_text(needed)} of memory, and a host has {size_text(host.memory_bytes)}."
        return Excluded(carried.topology, why, "Take hosts with more memory, or fewer workers.")
    sizing = sizing_of(carried, demand, host)
    if sizing is None:
        return Excluded(carried.topology, "The lower end of what it carries is nothing.", "Measure more rounds.")
    return next(_find_lacking_connections(sizing, evidence), None) or sizing


def _find_lacking_connections(sizing: Sizing, evidence: CapacityEvidence) -> Iterator[Excluded]:
    """Yield why the sizing can't be had, where all its hosts together would open more connections to a service than
    that allows."""
    for name, allowed in evidence.allowed_connections.items():
        wanted = round(sizing.hosts * sizing.instances * sizing.carried.service_connections.get(name, 0))
        if wanted > allowed:
            hosts = f"{sizing.hosts} host{'' if sizing.hosts == 1 else 's'}"
            why = f"On {hosts} it would open {wanted} connections to {name}, which allows {allowed} (max_connections)."
            advice = "Have each worker open fewer, share them in a pool before the service, or let it allow more."
            yield Excluded(sizing.carried.topology, why, advice)


def _reasons(evidence: CapacityEvidence, demand: Demand, refused: Sequence[Excluded]) -> Iterator[str]:
    """Yield why nothing can be planned: where no topology keeps the objective, that alone."""
    objectives = {each.objective for each in evidence.carried if each.rate is None}
    if objectives and all(each.rate is None for each in evidence.carried):
        yield f"no topology keeps {objectives.pop()} at any rate that was offered: more hosts do not help"
        return
    if not refused:
        sizes = sorted({each.workers for each in evidence.carried})
        wanted, measured = _join_numbers(demand.workers), ", ".join(map(str, sizes))
        yield f"nothing was measured with {wanted} workers; there are: {measured}"
    for each in refused:
        yield f"{each.topology}: {each.why} {each.advice}"


def _join_numbers(workers: Sequence[int]) -> str:
    return " or ".join(map(str, workers))
