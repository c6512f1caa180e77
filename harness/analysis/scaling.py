"""The scaling of a family of clusters with the number of workers, and the overhead of its supervisor."""

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

MIN_MEMBERS: Final = 2


@dataclass(frozen=True)
class ScalingPoint:
    """One cluster of a family. ``efficiency`` is relative to the smallest cluster, and None for that one itself."""

    topology: str
    workers: int
    efficiency: Estimate | None
    is_oversubscribed: bool


@dataclass(frozen=True)
class FamilyScaling:
    """The scaling of one family of clusters.

    ``supervisor_overhead`` compares a cluster of one worker with the baseline, a process without a supervisor; None
    where they were not both measured. ``laws`` are fitted to the points that are not oversubscribed; where they are
    None, ``why_not`` is the reason.
    """

    family: str
    points: tuple[ScalingPoint, ...]
    supervisor_overhead: Comparison | None
    laws: Scaling | None
    why_not: str | None


def scaling_of(scenario: Scenario, all_trials: Trials, comparisons: Comparisons) -> list[FamilyScaling]:
    """Return every family of which clusters of different sizes were measured in the same rounds. Empty in an open loop,
    whose throughput is what was offered."""
    if scenario.load.arrivals:
        return []
    return [
        _fit_family(
            members,
            {workers: [trial.requests_per_s for trial in of] for workers, of in trials.items()},
            within=[workers for workers, of in trials.items() if not are_oversubscribed(of)],
            overhead=_supervisor_overhead(scenario, all_trials, members.get(1), comparisons),
        )
        for members, trials in _families(scenario.topologies, all_trials)
    ]


def _families(
    topologies: Sequence[Topology], all_trials: Trials
) -> Iterator[tuple[dict[int, Topology], dict[int, list[Trial]]]]:
    """Yield the topologies of each family by their number of workers, and the trials of each in the rounds that have
    all."""
    families: defaultdict[str, dict[int, Topology]] = defaultdict(dict)
    for topology in topologies:
        if topology.workers is not None:
            families[topology.family][topology.workers] = topology
    for members in families.values():
        found = {workers: all_trials[topology.name] for workers, topology in sorted(members.items())}
        trials = _common_rounds({workers: of for workers, of in found.items() if of})
        if len(trials) >= MIN_MEMBERS:
            yield members, trials


def _common_rounds(trials: dict[int, tuple[Trial, ...]]) -> dict[int, list[Trial]]:
    """Return the trials of the rounds in which all count, round by round; empty where there is no such round."""
    by_block = {
        workers: {trial.block: trial for trial in found if THROUGHPUT.is_sound(trial)}
        for workers, found in trials.items()
    }
    common = sorted(set.intersection(*map(set, by_block.values()))) if by_block else []
    return {workers: [found[block] for block in common] for workers, found in by_block.items()} if common else {}


def _supervisor_overhead(
    scenario: Scenario, all_trials: Trials, single: Topology | None, comparisons: Comparisons
) -> Comparison | None:
    """Return the comparison of one worker under its supervisor with one process that has none."""
    baseline = scenario.baseline_of.get(single.name) if single else None
    trials = all_trials[baseline.name] if baseline else ()
    if not single or not baseline or not trials or baseline.workers is not None or median_workers(trials) > 1:
        return None
    if any(trial.has_supervisor for trial in trials):
        return None
    return comparisons.get((single.name, THROUGHPUT.name))


def _fit_family(
    members: dict[int, Topology], rates: dict[int, list[float]], within: list[int], overhead: Comparison | None
) -> FamilyScaling:
    efficiencies = efficiency(rates)
    laws, why_not = _laws({workers: rates[workers] for workers in within})
    return FamilyScaling(
        family=members[min(rates)].family,
        points=tuple(
            ScalingPoint(members[workers].name, workers, efficiencies.get(workers), workers not in within)
            for workers in rates
        ),
        supervisor_overhead=overhead,
        laws=laws,
        why_not=why_not,
    )


def _laws(rates: dict[int, list[float]]) -> tuple[Scaling | None, str | None]:
    try:
        return fit_laws(rates), None
    except ScalingError as error:
        return None, str(error)
