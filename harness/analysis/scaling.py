"""How a family of clusters scales with workers, and what its supervisor costs."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from harness.analysis.comparison import Comparison, Comparisons
from harness.analysis.metrics import THROUGHPUT
from harness.analysis.trials import Trial, Trials, are_oversubscribed, median_workers
from harness.scenario import Scenario, Topology
from harness.stats.estimate import Estimate
from harness.stats.scaling import Scaling, ScalingError, efficiency, fit_laws

LEAST_MEMBERS: Final = 2


@dataclass(frozen=True)
class Point:
    """A cluster of the family. ``efficiency`` is relative to its smallest cluster, and None for that one itself."""

    topology: str
    workers: int
    efficiency: Estimate | None
    is_oversubscribed: bool


@dataclass(frozen=True)
class FamilyScaling:
    """``price`` is the throughput of a cluster of one against that of the baseline, a process without a supervisor;
    None where they were not both measured. ``laws`` are fitted to the points that are not oversubscribed; where they
    are None, ``why_not`` says why."""

    family: str
    points: tuple[Point, ...]
    price: Comparison | None
    laws: Scaling | None
    why_not: str | None


def scaling_of(scenario: Scenario, all_trials: Trials, comparisons: Comparisons) -> list[FamilyScaling]:
    """Every family of which clusters of different sizes were measured in the same rounds; none in an open loop, whose
    throughput is what was offered."""
    if scenario.load.arrivals:
        return []
    return [
        _scaling(
            members,
            {workers: [trial.requests_per_s for trial in of] for workers, of in trials.items()},
            within=[workers for workers, of in trials.items() if not are_oversubscribed(of)],
            price=_price(all_trials[scenario.baseline.name], scenario.baseline, members.get(1), comparisons),
        )
        for members, trials in _families(scenario.topologies, all_trials)
    ]


def _families(
    topologies: Sequence[Topology], all_trials: Trials
) -> Iterator[tuple[dict[int, Topology], dict[int, list[Trial]]]]:
    """Of each family its topologies by their number of workers, and the trials of each in the rounds that hold all."""
    families: defaultdict[str, dict[int, Topology]] = defaultdict(dict)
    for topology in topologies:
        if topology.workers is not None:
            families[topology.family][topology.workers] = topology
    for members in families.values():
        found = {workers: all_trials[topology.name] for workers, topology in sorted(members.items())}
        trials = _in_common({workers: of for workers, of in found.items() if of})
        if len(trials) >= LEAST_MEMBERS:
            yield members, trials


def _in_common(trials: dict[int, tuple[Trial, ...]]) -> dict[int, list[Trial]]:
    """Those of the rounds in which all count, round by round; empty where there is no such round."""
    by_block = {
        workers: {trial.block: trial for trial in found if THROUGHPUT.is_sound(trial)}
        for workers, found in trials.items()
    }
    common = sorted(set.intersection(*map(set, by_block.values()))) if by_block else []
    return {workers: [found[block] for block in common] for workers, found in by_block.items()} if common else {}


def _price(
    trials: Sequence[Trial], baseline: Topology, single: Topology | None, comparisons: Comparisons
) -> Comparison | None:
    """One worker under its supervisor against one process that has none."""
    if not single or not trials or baseline.workers is not None or median_workers(trials) > 1:
        return None
    if any(trial.has_supervisor for trial in trials):
        return None
    return comparisons.get((single.name, THROUGHPUT.name))


def _scaling(
    members: dict[int, Topology], rates: dict[int, list[float]], within: list[int], price: Comparison | None
) -> FamilyScaling:
    efficiencies = efficiency(rates)
    laws, why_not = _laws({workers: rates[workers] for workers in within})
    return FamilyScaling(
        family=members[min(rates)].family,
        points=tuple(
            Point(members[workers].name, workers, efficiencies.get(workers), workers not in within) for workers in rates
        ),
        price=price,
        laws=laws,
        why_not=why_not,
    )


def _laws(rates: dict[int, list[float]]) -> tuple[Scaling | None, str | None]:
    try:
        return fit_laws(rates), None
    except ScalingError as error:
        return None, str(error)
