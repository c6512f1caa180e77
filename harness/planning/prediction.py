"""The prediction of the capacity of a cluster with a number of workers that was not measured."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import linear_regression
from typing import Final

from harness.analysis.scaling import FamilyScaling
from harness.planning.evidence import TopologyCapacity
from harness.planning.excluded import BeyondDataError
from harness.stats.estimate import Estimate, product_of
from harness.stats.scaling import WhichLaw

MAX_EXTRAPOLATION: Final = (
    2  # times the largest measured number of workers: beyond it, a cost too small to be seen may dominate
)


def predict(family: FamilyScaling | None, members: Sequence[TopologyCapacity], workers: int) -> TopologyCapacity:
    """Return the predicted capacity of a cluster with so many workers, from the measured ones of its family (at least
    one).

    Its saturation throughput is the prediction of the Universal Scalability Law for as many rounds as were measured.
    The rate that keeps an objective is the same part of it as with the largest measured cluster. Both are estimated
    from different figures, so that their intervals are combined as independent ones. Memory grows by the same amount
    for each worker as among the measured clusters, without what workers share. Raises BeyondDataError.
    """
    fitted = [point.workers for point in family.points if not point.is_oversubscribed] if family else []
    if family is None or family.laws is None:
        raise BeyondDataError(_explain_missing_law(family, members))
    if family.laws.law is WhichLaw.NEITHER:
        raise BeyondDataError(
            f"Neither Amdahl's law nor the Universal Scalability Law fits {_join_counts(fitted)} workers, so nothing is"
            f" said of {workers}."
        )
    if workers > MAX_EXTRAPOLATION * max(fitted):
        raise BeyondDataError(
            f"{workers} workers are more than twice the {max(fitted)} up to which the law was fitted."
        )
    largest = max((member for member in members if member.workers in fitted), key=lambda member: member.workers)
    if largest.rate is None or largest.saturation is None:
        raise BeyondDataError(f"Even {largest.topology} keeps {largest.objective} at no rate.")
    saturation = family.laws.universal.prediction(workers)
    kept = product_of(largest.rate, largest.saturation.inverse())
    return replace(
        largest,
        topology=_topology_name(largest, workers),
        workers=workers,
        rate=product_of(saturation, kept) if largest.objective else saturation,
        saturation=saturation,
        memory_bytes=_predict_memory_bytes(members, largest, workers),
        demanded_cores=largest.demanded_cores * saturation.value / largest.saturation.value,
        observed=(),
        service_connections={
            name: number * workers / largest.workers for name, number in largest.service_connections.items()
        },
        predicted_from=tuple(fitted),
        like=largest,
    )


def _predict_memory_bytes(members: Sequence[TopologyCapacity], largest: TopologyCapacity, workers: int) -> Estimate:
    """Return the memory of the largest cluster, plus or minus that of the workers that differ, by the straight line
    through all members. With members of one size alone, workers are supposed to share nothing."""
    known = largest.memory_bytes
    sizes, memories = zip(*((member.workers, member.memory_bytes.value) for member in members), strict=True)
    of_worker = known.value / largest.workers
    if len(set(sizes)) > 1:
        of_worker = max(0.0, linear_regression(sizes, memories).slope)
    more_bytes = of_worker * (workers - largest.workers)
    low, high = (None if end is None else end + more_bytes for end in (known.low, known.high))
    return replace(known, value=known.value + more_bytes, low=low, high=high, method=f"{known.method}; line by workers")


def _explain_missing_law(family: FamilyScaling | None, members: Sequence[TopologyCapacity]) -> str:
    if family is None:
        sizes = _join_counts(sorted(member.workers for member in members))
        return f"No law of scaling can be fitted to {sizes} worker{'' if sizes == '1' else 's'} alone."
    crowded = [point.topology for point in family.points if point.is_oversubscribed]
    why = f"No law of scaling can be fitted: {family.why_not}"
    return f"{why}, since {', '.join(crowded)} wanted more cores than there were." if crowded else f"{why}."


def _topology_name(member: TopologyCapacity, workers: int) -> str:
    """Return the name that the topology would have: the family's name has an N in the place of a member's number."""
    letters = zip(member.family, member.topology, strict=False)
    place = next(place for place, (letter, other) in enumerate(letters) if letter != other)
    return f"{member.family[:place]}{workers}{member.family[place + 1 :]}"


def _join_counts(workers: Sequence[int]) -> str:
    return ", ".join(map(str, workers))
