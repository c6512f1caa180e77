"""Does the interval for more workers than were measured hold the truth? Simulated systems that follow the law."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats.estimate import Estimate
from harness.stats.scaling import fit_laws

RATE_PER_S = 1000.0  # of one worker


@dataclass(frozen=True)
class Coverage:
    """Of the simulated runs, the parts whose 95 % interval (Universal Scalability Law) held the true speed-up and the
    true throughput."""

    speedup: float
    throughput: float


def coverage_at(
    target: int,
    sigma: float,
    kappa: float,
    runs: int,
    rng: np.random.Generator,
    *,
    workers: Sequence[int] = (1, 2, 3, 4),
    blocks: int = 5,
    noise: float = 0.01,
    block_noise: float = 0.05,
) -> Coverage:
    """Predict ``target`` workers from runs of ``workers``. The noise, of each trial and of each block as a whole, is
    normal on logarithms, so 0.01 is 1 %."""
    speedup = throughput = 0
    true_speedup = _speedup(target, sigma, kappa)
    for _ in range(runs):
        levels = RATE_PER_S * np.exp(rng.normal(0, block_noise, blocks))
        scaling = fit_laws(
            {n: (levels * _speedup(n, sigma, kappa) * np.exp(rng.normal(0, noise, blocks))).tolist() for n in workers}
        )
        speedup += _holds(scaling.universal.speedup(target), true_speedup)
        throughput += _holds(scaling.universal.throughput(target), RATE_PER_S * true_speedup)
    return Coverage(speedup / runs, throughput / runs)


def _holds(estimate: Estimate, truth: float) -> bool:
    return estimate.low is not None and estimate.high is not None and estimate.low <= truth <= estimate.high


def _speedup(workers: int, sigma: float, kappa: float) -> float:
    return workers / (1 + sigma * (workers - 1) + kappa * workers * (workers - 1))
