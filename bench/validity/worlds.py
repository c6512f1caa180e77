"""Machines made up, and one recorded: what they do to two systems of which neither is faster.

The trials of a block follow each other in a random order, as in a plan.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from harness.stats.paired import Paired, slope_within

Floats = npt.NDArray[np.float64]

METRICS: Final = ("throughput", "p50", "p99", "cpu_per_request")
SCATTER: Final = 0.07  # of the difference in requests/s within a block
RECORDED: Final = Path(__file__).parents[2] / "tests" / "real" / "same.jsonl"


@dataclass(frozen=True)
class Differences:
    """Within blocks, of logarithms: those of the metrics, (blocks, metrics), and those of the pace, (blocks,), where it
    was measured. ``rotations`` are both of the rotations of each block that was sliced, (rotations, metrics) and
    (rotations,)."""

    metrics: Floats
    paces: Floats | None = None
    rotations: Sequence[tuple[Floats, Floats]] = ()

    def __len__(self) -> int:
        return len(self.metrics)

    def pairs(self, column: int, blocks: int, effect: float) -> Paired:
        """Return what the first blocks say of a metric, shifted by ``effect`` (a logarithm)."""
        logs = tuple((self.metrics[:blocks, column] + effect).tolist())
        if self.paces is None:
            return Paired(logs)
        seen = self.rotations[:blocks]
        slope = slope_within([one[:, column].tolist() for one, _ in seen], [speed.tolist() for _, speed in seen])
        return Paired(logs, tuple(self.paces[:blocks].tolist()), slope)


World = Callable[[np.random.Generator, int], Differences]


def steady(dice: np.random.Generator, blocks: int) -> Differences:
    """Independent normal noise."""
    return _differences(dice, dice.standard_normal(2 * blocks))


def drifting(dice: np.random.Generator, blocks: int) -> Differences:
    """The machine slows down by 30 % over the run, wandering on the way."""
    wander = np.cumsum(dice.normal(0, 0.15, 2 * blocks))
    return _differences(dice, dice.standard_normal(2 * blocks) + wander, np.linspace(0, -0.3, 2 * blocks))


def bursty(dice: np.random.Generator, blocks: int) -> Differences:
    """A neighbour comes and goes, for three trials on the average, and takes a tenth of the speed meanwhile."""
    return _differences(dice, dice.normal(0, 0.5, 2 * blocks) - 2.1 * _neighbour(dice, blocks))


def sluggish(dice: np.random.Generator, blocks: int) -> Differences:
    """What disturbs a trial is mostly still there in the next one: autocorrelation of 0.7."""
    noise = lfilter([0.51**0.5], [1, -0.7], dice.standard_normal(2 * blocks + 50))[50:]
    return _differences(dice, 1.8 * noise)


def spiky(dice: np.random.Generator, blocks: int) -> Differences:
    """Noise with heavy tails: Student's t with three degrees of freedom."""
    return _differences(dice, dice.standard_t(3, 2 * blocks) / 3**0.5)


def shared(dice: np.random.Generator, blocks: int) -> Differences:
    """A neighbour on the other half of the core takes nearly half of its speed, which the pace tells: what is left is
    the usual noise."""
    lost = 0.5 * _neighbour(dice, blocks)
    paces = -0.85 * lost + dice.normal(0, 0.02, 2 * blocks)
    return _differences(dice, 0.85 * dice.standard_normal(2 * blocks), -lost, paces)


def recorded(dice: np.random.Generator, blocks: int) -> Differences:
    """A stretch of what was measured of a server and itself, the two exchanged at random."""
    measured = _recorded_blocks()
    rows = np.arange(blocks) + int(dice.integers(len(measured)))
    signs = dice.choice([-1.0, 1.0], blocks)
    paces = None if measured.paces is None else signs * measured.paces[rows % len(measured)]
    return Differences(signs[:, None] * measured.metrics[rows % len(measured)], paces)


WORLDS: Final[dict[str, World]] = {
    world.__name__: world for world in (steady, drifting, bursty, sluggish, spiky, shared, recorded)
}


@cache
def _recorded_blocks() -> Differences:
    runs = [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]
    metrics = [np.array([run["log_ratios"][metric] for metric in METRICS]).T for run in runs]
    return Differences(np.concatenate(metrics), np.concatenate([run["paces"] for run in runs]))


def _neighbour(dice: np.random.Generator, blocks: int) -> Floats:
    """Whether there is one: 0 or 1 for each trial."""
    changes = dice.random(2 * blocks) < np.where(np.arange(2 * blocks) % 2, 1 / 3, 1 / 8)
    return (np.cumsum(changes) % 2).astype(np.float64)


def _differences(
    dice: np.random.Generator, noise: Floats, trend: Floats | float = 0.0, paces: Floats | None = None
) -> Differences:
    """From the noise of 2 × blocks trials, in standard deviations, to the differences within blocks."""
    trials = noise * SCATTER / 2**0.5 + trend
    signs = dice.choice([-1.0, 1.0], len(trials) // 2)
    speed = signs * (trials[0::2] - trials[1::2])
    own = dice.standard_normal((len(speed), 3))  # what each metric has of its own
    return Differences(
        np.column_stack(
            [speed, 0.95 * speed + 0.02 * own[:, 0], 0.6 * speed + 0.12 * own[:, 1], 0.2 * speed + 0.015 * own[:, 2]]
        ),
        None if paces is None else signs * (paces[0::2] - paces[1::2]),
    )
