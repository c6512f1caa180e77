"""The plan itself: every topology that can carry the target, the one to take, and what is not known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from harness.analysis.scaling import FamilyScaling
from harness.planning.assumptions import Assumption, assumptions_of
from harness.planning.demand import Demand
from harness.planning.evidence import CapacityEvidence, TopologyCapacity
from harness.planning.excluded import BeyondDataError, Excluded, PlanningError
from harness.planning.prediction import predicted
from harness.planning.sizing import PlannedHost, Sizing, competes, memory_bytes, sizing_of
from harness.units import size_text

LEAST_FREE: Final = 0.05  # of the throughput at saturation: with less, lines are twenty times as long as a service
SATURATED: Final = (
    'Measure what keeps an objective, by harness capacity with --slo "p99 < 250ms" or what you promise, or leave'
    f" {LEAST_FREE:.0%} headroom or more."
)


@dataclass(frozen=True)
class Proposal:
    """``sizings`` are all that can carry it, the one to take first."""

    demand: Demand
    host: PlannedHost
    sizings: tuple[Sizing, ...]
    refused: tuple[Excluded, ...]
    assumptions: tuple[Assumption, ...]

    @property
    def best(self) -> Sizing:
        """The fewest hosts, which are the cheapest, since all cost the same; of as many, the fewest workers."""
        return self.sizings[0]

    @property
    def is_one_worker_enough(self) -> bool:
        """Whether one worker on a single host carries the peak, so that further hosts are for redundancy alone."""
        workers = self.best.instances * self.best.carried.workers
        return workers == 1 and self.best.hosts - self.demand.lose <= 1


def propose(evidence: CapacityEvidence, demand: Demand) -> Proposal:
    """Raises PlanningError, with every reason, when no topology can be planned with."""
    host = PlannedHost.of(demand, evidence.environment)
    found, refused = list[Sizing](), list(evidence.refused)
    for each in _candidates(evidence, demand, host):
        judged = each if isinstance(each, Excluded) else _judged(each, evidence, demand, host)
        if isinstance(judged, Excluded):
            refused.append(judged)
        else:
            found.append(judged)
    if not found:
        raise PlanningError("\n".join(_reasons(evidence, demand, refused)))
    sizings = sorted(found, key=lambda sizing: (sizing.hosts, sizing.carried.workers))
    assumptions = assumptions_of(evidence, demand, host, sizings)
    return Proposal(demand, host, tuple(sizings), tuple(refused), tuple(assumptions))


def _candidates(evidence: CapacityEvidence, demand: Demand, host: PlannedHost) -> Iterator[TopologyCapacity | Excluded]:
    """What was measured, and of each family of clusters what was not, in the sizes that come into question."""
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
            yield _predicted(families.get(name), members, workers, evidence.command)


def _predicted(
    family: FamilyScaling | None, members: Sequence[TopologyCapacity], workers: int, command: str
) -> TopologyCapacity | Excluded:
    try:
        return predicted(family, members, workers)
    except BeyondDataError as error:
        sizes = sorted({*(member.workers for member in members), 1, 2, -(-workers // 2), workers})
        advice = f"Measure it, on a machine with cores enough: workers = {sizes} in the scenario, then: {command}"
        return Excluded(f"{members[0].family}, {workers} workers", str(error), advice)


def _judged(
    carried: TopologyCapacity, evidence: CapacityEvidence, demand: Demand, host: PlannedHost
) -> Sizing | Excluded:
    """Its hosts, unless it is none for such hosts or can't be planned with."""
    if carried.rate is None:
        why = f"It keeps {carried.objective} at no rate that was offered, so that more hosts do not help."
        return Excluded(carried.topology, why, "Make it faster, or promise less.")
    if carried.rate.low is None:
        why = "A single trial has no interval, whose lower end would be planned with."
        return Excluded(carried.topology, why, f"Measure more rounds: {evidence.command}")
    if carried.is_saturation and demand.headroom < LEAST_FREE:
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
    return sizing


def _reasons(evidence: CapacityEvidence, demand: Demand, refused: Sequence[Excluded]) -> Iterator[str]:
    """Why nothing can be planned, the objective first, which is the same for all."""
    objectives = {each.objective for each in evidence.carried if each.rate is None}
    if objectives and all(each.rate is None for each in evidence.carried):
        yield f"no topology keeps {objectives.pop()} at any rate that was offered: more hosts do not help"
        return
    if not refused:
        sizes = sorted({each.workers for each in evidence.carried})
        yield f"nothing was measured with {_either(demand.workers)} workers; there are: {', '.join(map(str, sizes))}"
    for each in refused:
        yield f"{each.topology}: {each.why} {each.advice}"


def _either(workers: Sequence[int]) -> str:
    return " or ".join(map(str, workers))
