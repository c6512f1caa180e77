"""Does the interval for more workers than were measured hold the truth, and what is then measured? Simulated systems
that follow the law, and some that follow it roughly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats.estimate import Estimate, mean_over_trials
from harness.stats.scaling import Floats, fit_laws

RATE_PER_S = 1000.0  # of one worker
WORKERS = (1, 2, 3, 4)
BLOCKS = 5


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
    workers: Sequence[int] = WORKERS,
    blocks: int = BLOCKS,
    noise: float = 0.01,
    block_noise: float = 0.05,
) -> Coverage:
    """Predict ``target`` workers from runs of ``workers``. The noise, of each trial and of each block as a whole, is
    normal on logarithms, so 0.01 is 1 %."""
    held_speedup = throughput = 0
    true_speedup = speedup(target, sigma, kappa)
    for _ in range(runs):
        levels = RATE_PER_S * np.exp(rng.normal(0, block_noise, blocks))
        scaling = fit_laws(
            {n: (levels * speedup(n, sigma, kappa) * np.exp(rng.normal(0, noise, blocks))).tolist() for n in workers}
        )
        held_speedup += _holds(scaling.universal.speedup(target), true_speedup)
        throughput += _holds(scaling.universal.throughput(target), RATE_PER_S * true_speedup)
    return Coverage(held_speedup / runs, throughput / runs)


def foretold_at(
    target: int, rate_per_s: Callable[[int], float], runs: int, rng: np.random.Generator, noise: float
) -> float:
    """The part of the runs of 1 to 4 workers whose interval of prediction held what as many blocks then measured at
    ``target``, of a system that serves so much with so many workers. The noise is that of trials and blocks alike."""

    def measured(workers: int, levels: Floats) -> list[float]:
        return [rate_per_s(workers) * float(level) for level in levels * np.exp(rng.normal(0, noise, BLOCKS))]

    held = 0
    for _ in range(runs):
        levels, later = np.exp(rng.normal(0, noise, (2, BLOCKS)))
        prediction = fit_laws({workers: measured(workers, levels) for workers in WORKERS}).universal.prediction(target)
        held += _holds(prediction, mean_over_trials(measured(target, later)).value)
    return held / runs


def _holds(estimate: Estimate, truth: float) -> bool:
    return estimate.low is not None and estimate.high is not None and estimate.low <= truth <= estimate.high


def speedup(workers: int, sigma: float, kappa: float) -> float:
    """By the Universal Scalability Law."""
    return workers / (1 + sigma * (workers - 1) + kappa * workers * (workers - 1))
