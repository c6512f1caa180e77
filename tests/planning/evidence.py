"""What was measured, put together from given figures."""

from collections.abc import Mapping, Sequence

import numpy as np

from harness.analysis.bottleneck import MAX_DEMANDED
from harness.analysis.scaling import FamilyScaling, ScalingPoint
from harness.planning.evidence import CapacityEvidence, TopologyCapacity
from harness.stats.estimate import Estimate, mean_over_trials
from harness.stats.scaling import ScalingError, fit_laws
from tests.made_runs import environment

BLOCKS = 5


def memory(workers: int) -> Estimate:
    """They share 32 MiB, and each has 32 MiB of its own."""
    size_bytes = (1 + workers) * 2.0**25
    return Estimate(size_bytes, size_bytes, size_bytes, BLOCKS, "made")


def exactly(value: float, low: float | None = None, high: float | None = None) -> Estimate:
    """With an interval of one per cent either way, unless told otherwise."""
    return Estimate(value, low or value * 0.99, high or value * 1.01, BLOCKS, "made")


def raw(rate: Estimate) -> TopologyCapacity:
    """One process without a supervisor."""
    return TopologyCapacity("raw", "raw", 1, False, rate, rate, memory(1), demanded_cores=0.9)


def cluster(
    workers: int, rate: Estimate | None, saturation: Estimate | None = None, busy: float = 0.9
) -> TopologyCapacity:
    """Whose workers keep so much of a core busy each; with a saturation of its own, the rate keeps an objective."""
    objective = None if saturation is None else "p99 < 250ms"
    return TopologyCapacity(
        f"cluster-{workers}",
        "cluster-N",
        workers,
        True,
        rate,
        saturation or rate,
        memory(workers),
        demanded_cores=busy * workers,
        objective=objective,
    )


def usl(workers: int, sigma: float = 0.05, kappa: float = 0.001) -> float:
    """The throughput of so many workers, of whom one has 100/s."""
    return 100 * workers / (1 + sigma * (workers - 1) + kappa * workers * (workers - 1))


def rounds(true_rates: Mapping[int, float], noise: float = 0.003, seed: int = 1) -> dict[int, list[float]]:
    """Five rounds of each size, round by round."""
    dice = np.random.default_rng(seed)
    return {workers: (rate * np.exp(dice.normal(0, noise, BLOCKS))).tolist() for workers, rate in true_rates.items()}


def family(rates: Mapping[int, Sequence[float]], crowded: Sequence[int] = ()) -> FamilyScaling:
    """Fitted to all but the crowded sizes."""
    points = tuple(ScalingPoint(f"cluster-{workers}", workers, None, workers in crowded) for workers in rates)
    try:
        laws, why_not = fit_laws({workers: of for workers, of in rates.items() if workers not in crowded}), None
    except ScalingError as error:
        laws, why_not = None, str(error)
    return FamilyScaling("cluster-N", points, None, laws, why_not)


def evidence(
    rates: Mapping[int, Sequence[float]], single: float | None = 100.0, busy: float = 0.9, cores: int = 8
) -> CapacityEvidence:
    """Of clusters with these rates, round by round, and of one process; measured on so many cores."""
    crowded = [workers for workers in rates if busy * workers > MAX_DEMANDED * cores]
    clusters = [cluster(workers, mean_over_trials(of), busy=busy) for workers, of in rates.items()]
    return CapacityEvidence(
        carried=(*([raw(exactly(single))] if single else []), *clusters),
        families=(family(rates, crowded),) if len(rates) > 1 else (),
        refused=(),
        environment=environment(cores=cores),
        load="a closed loop of 40 connections",
        command="harness compare x.toml",
    )
