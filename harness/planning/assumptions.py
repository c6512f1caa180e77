"""The assumptions of a plan, and the basis of each."""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.planning.demand import Demand
from harness.planning.evidence import CapacityEvidence, TopologyCapacity
from harness.planning.response_times import MAX_MODEL_RATIO, MAX_UTILISATION, ExpectedTimes, Source
from harness.planning.sizing import PlannedHost, Sizing
from harness.units import HOURS_PER_MONTH, rate_per_text, size_text


class Basis(enum.Enum):
    """The basis of an assumption."""

    MEASURED = "measured"
    MODELLED = "modelled"
    GIVEN = "given"  # by the user, or else supposed without a measurement


@dataclass(frozen=True)
class Assumption:
    """One assumption. ``what`` is one or two sentences."""

    what: str
    basis: Basis


def assumptions_of(
    evidence: CapacityEvidence, demand: Demand, host: PlannedHost, sizings: Sequence[Sizing]
) -> list[Assumption]:
    """Return the assumptions: first those on the figures, then those on the hosts, then those on their surroundings."""
    return [
        *_figures(evidence, [sizing.carried for sizing in sizings]),
        *_hosts(evidence, demand, host),
        *_response_times(sizings),
        *_around(sizings),
    ]


def _figures(evidence: CapacityEvidence, planned: Sequence[TopologyCapacity]) -> Iterator[Assumption]:
    measured = [each for each in planned if not each.predicted_from]
    if measured:
        names, objective = " or ".join(each.topology for each in measured), measured[0].objective
        what = f"the highest rate that keeps {objective}" if objective else "its throughput when saturated"
        yield Assumption(
            f"What a host of {names} carries is {what}, under {evidence.load}; in parentheses its 95 % interval over"
            " trials.",
            Basis.MEASURED,
        )
    yield from (_prediction(each) for each in planned if each.predicted_from)
    for why in dict.fromkeys(each.floor for each in planned if each.floor):
        names = ", ".join(each.topology for each in planned if each.floor == why)
        yield Assumption(f"More may be carried by {names}: in the measurements {why}.", Basis.MEASURED)


def _prediction(carried: TopologyCapacity) -> Assumption:
    sizes = ", ".join(map(str, carried.predicted_from))
    kept = (
        f" The part of it that keeps {carried.objective} is that of {carried.predicted_from[-1]} workers; the intervals"
        " of the three figures are put together as independent ones (MOVER)."
        if carried.objective
        else ""
    )
    return Assumption(
        f"{carried.topology} was not measured. The Universal Scalability Law, fitted to the throughput of {sizes}"
        " workers, foretells it; the 95 % interval is one of prediction, for what would be measured on the same machine"
        f" in as many rounds, with their noise.{kept}",
        Basis.MODELLED,
    )


def _hosts(evidence: CapacityEvidence, demand: Demand, host: PlannedHost) -> Iterator[Assumption]:
    times = "the target itself" if demand.peak_factor == 1 else f"{demand.peak_factor:g} times the target"
    yield Assumption(f"The peak is {rate_per_text(demand.peak_per_s)}, {times}.", Basis.GIVEN)
    yield Assumption(
        "Capacity is counted at the lower end of its interval, of which"
        f" {demand.headroom * 100:.0f} % stay free at the peak.",
        Basis.GIVEN,
    )
    if demand.lose:
        hosts = "one host" if demand.lose == 1 else f"{demand.lose} hosts"
        yield Assumption(
            f"With {hosts} lost, the others carry the peak with that headroom (N + {demand.lose}).", Basis.GIVEN
        )
    is_given = demand.cores_per_host is not None or demand.memory_per_host_bytes is not None
    yield Assumption(
        f"A host has {host.cores} core{'s' if host.cores > 1 else ''} and {size_text(host.memory_bytes)} of memory"
        f"{'' if is_given else f', as the machine that was measured{_quota(evidence)}'}.",
        Basis.GIVEN if is_given else Basis.MEASURED,
    )
    yield Assumption(
        f"Its cores are as fast as those of the measured machine ({evidence.environment.cpu_model or 'unknown CPU'}).",
        Basis.GIVEN,
    )
    yield Assumption(
        "Memory is what all the server's processes held at the end of a measurement, pages that they share counted"
        f" {'once (PSS)' if evidence.is_proportional else 'in each (RSS): it is less'}.",
        Basis.MEASURED,
    )
    if demand.host_cost_per_h is not None:
        cost = f"{demand.host_cost_per_h:g}{f' {demand.currency}' if demand.currency else ''}"
        yield Assumption(f"A host costs {cost} per hour; a month has {HOURS_PER_MONTH} hours.", Basis.GIVEN)


def _quota(evidence: CapacityEvidence) -> str:
    quota = evidence.environment.cpu_quota_cores
    return "" if quota is None else f" had by its CPU quota of {quota:.3g}"


def _response_times(sizings: Sequence[Sizing]) -> Iterator[Assumption]:
    sources = {each.source for sizing in sizings for each in _expected_times(sizing)}
    if Source.MEASURED in sources:
        yield Assumption(
            "Response times without a mark lie between those of requests that arrived at random, at lower rates and at"
            " higher ones.",
            Basis.MEASURED,
        )
    if Source.AT_MOST in sources:
        yield Assumption(
            "Response times after ≤ are those at the lowest rate that was offered, which is higher.", Basis.MEASURED
        )
    if Source.MODELLED in sources:
        yield Assumption(
            "Response times after ~ are those of random arrivals and of service times as variable as they were at low"
            " load, whose mean is what saturates the workers: with one line for all of them (M/M/c, Allen–Cunneen) or a"
            f" line for each (M/G/1, Pollaczek–Khinchine), whichever is within {(MAX_MODEL_RATIO - 1) * 100:.0f} % of"
            f" all that was measured up to {MAX_UTILISATION * 100:.0f} % of what is carried.",
            Basis.MODELLED,
        )


def _expected_times(sizing: Sizing) -> Iterator[ExpectedTimes]:
    yield from filter(None, (sizing.expected_at_peak, sizing.expected_after_loss))


def _around(sizings: Sequence[Sizing]) -> Iterator[Assumption]:
    yield Assumption(
        "Requests are spread evenly over the hosts, by something that is no limit itself and is not in the cost.",
        Basis.GIVEN,
    )
    yield Assumption(
        "Hosts share nothing that is a limit, such as a database: twice as many carry twice as much.", Basis.GIVEN
    )
    if (instances := sizings[0].instances) > 1:
        yield Assumption(
            f"Each of the {instances} instances on a host carries what one did alone: how they do beside each other was"
            " not measured.",
            Basis.GIVEN,
        )
    yield Assumption("Users ask for what was asked for in the measurement.", Basis.GIVEN)
    alone = [each for each in sizings if each.instances == 1 and each.idle_cores and not each.carried.is_cluster]
    if single := [each.carried.topology for each in alone]:
        yield Assumption(
            f"A host runs one process of {', '.join(single)} and leaves its other cores idle. Several of them behind a"
            " proxy on each host were not measured; --instances-per-host plans with them.",
            Basis.GIVEN,
        )
