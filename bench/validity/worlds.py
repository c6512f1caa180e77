"""Machines made up, and one recorded: what they do to two systems of which neither is faster.

Each world gives the within-block differences of logarithms, shape (blocks, metrics), for requests/s, p50, p99 and CPU
per request. The trials of a block follow each other in a random order, as in a plan.
"""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

Floats = npt.NDArray[np.float64]
World = Callable[[np.random.Generator, int], Floats]

METRICS: Final = ("throughput", "p50", "p99", "cpu_per_request")
SCATTER: Final = 0.07  # of the difference in requests/s within a block
RECORDED: Final = Path(__file__).parents[2] / "tests" / "real" / "same.jsonl"


def steady(dice: np.random.Generator, blocks: int) -> Floats:
    """Independent normal noise."""
    return _differences(dice, dice.standard_normal(2 * blocks))


def drifting(dice: np.random.Generator, blocks: int) -> Floats:
    """The machine slows down by 30 % over the run, wandering on the way."""
    wander = np.cumsum(dice.normal(0, 0.15, 2 * blocks))
    return _differences(dice, dice.standard_normal(2 * blocks) + wander, np.linspace(0, -0.3, 2 * blocks))


def bursty(dice: np.random.Generator, blocks: int) -> Floats:
    """A neighbour comes and goes, for three trials on the average, and takes a tenth of the speed meanwhile."""
    changes = dice.random(2 * blocks) < np.where(np.arange(2 * blocks) % 2, 1 / 3, 1 / 8)
    there = np.cumsum(changes) % 2
    return _differences(dice, dice.normal(0, 0.5, 2 * blocks) - 2.1 * there)


def sluggish(dice: np.random.Generator, blocks: int) -> Floats:
    """What disturbs a trial is mostly still there in the next one: autocorrelation of 0.7."""
    noise = lfilter([0.51**0.5], [1, -0.7], dice.standard_normal(2 * blocks + 50))[50:]
    return _differences(dice, 1.8 * noise)


def spiky(dice: np.random.Generator, blocks: int) -> Floats:
    """Noise with heavy tails: Student's t with three degrees of freedom."""
    return _differences(dice, dice.standard_t(3, 2 * blocks) / 3**0.5)


def recorded(dice: np.random.Generator, blocks: int) -> Floats:
    """A stretch of what was measured of a server and itself, the two exchanged at random."""
    measured = _recorded_blocks()
    begin = int(dice.integers(len(measured)))
    stretch = measured[np.arange(begin, begin + blocks) % len(measured)]
    return np.asarray(stretch * dice.choice([-1.0, 1.0], (blocks, 1)))


WORLDS: Final[dict[str, World]] = {
    world.__name__: world for world in (steady, drifting, bursty, sluggish, spiky, recorded)
}


@cache
def _recorded_blocks() -> Floats:
    runs = [json.loads(line)["log_ratios"] for line in RECORDED.read_text(encoding="utf-8").splitlines()]
    return np.concatenate([np.array([run[metric] for metric in METRICS]).T for run in runs])


def _differences(dice: np.random.Generator, noise: Floats, trend: Floats | float = 0.0) -> Floats:
    """From the noise of 2 × blocks trials, in standard deviations, to the differences within blocks."""
    trials = noise * SCATTER / 2**0.5 + trend
    signs = dice.choice([-1.0, 1.0], len(trials) // 2)
    speed = signs * (trials[0::2] - trials[1::2])
    own = dice.standard_normal((len(speed), 3))  # what each metric has of its own
    return np.column_stack(
        [speed, 0.95 * speed + 0.02 * own[:, 0], 0.6 * speed + 0.12 * own[:, 1], 0.2 * speed + 0.015 * own[:, 2]]
    )
