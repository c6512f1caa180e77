"""Races made up, of the cells of a grid of four by three, whose best cell is known."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import isnan, log, log1p
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.validity.sliced import modes, normal
from harness.stats.race import MIN_ROUNDS, Race, race

Floats = npt.NDArray[np.float64]
Noise = Callable[[np.random.Generator, tuple[int, ...]], Floats]

WORKERS, KINDS = 4, 3
ROUNDS: Final = 20
MARGIN: Final = log1p(0.02)
MODES: Final = 0.08  # between two modes of launches, as a logarithm
SCATTER: Final = 0.015


def unequal(dice: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Cells of which some scatter ten times as much as others."""
    return dice.normal(0, 1, shape) * np.geomspace(0.005, 0.05, shape[1])


def unequal_with_modes(dice: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Cells that hardly scatter, and one in three of whose launches is slower."""
    return dice.normal(0, 0.001, shape) - MODES * (dice.random(shape) < 1 / 3)


NOISES: Final[Mapping[str, Noise]] = {
    "normal": lambda dice, shape: normal(dice, shape, SCATTER),
    "cells that scatter unequally": unequal,
    "one launch in three 8 % slower": unequal_with_modes,
    "one launch in ten 8 % slower": lambda dice, shape: modes(dice, shape, slow=0.1, gap=MODES),
    "half of the launches 8 % slower": lambda dice, shape: modes(dice, shape, slow=0.5, gap=MODES),
}


def _scaled(kinds: tuple[float, ...], cores: float) -> tuple[float, ...]:
    """Return the speeds of all cells, of one to four workers on so many cores."""
    return tuple(kind * min(workers, cores) for workers in range(1, WORKERS + 1) for kind in kinds)


# The speed of each cell. Of those within the margin of the best, none is wrong.
TRUTHS: Final[Mapping[str, tuple[float, ...]]] = {
    "all the same": (1.0,) * (WORKERS * KINDS),
    "two cores": _scaled((1.0, 0.95, 0.7), 2.2),
    "one ahead by 4 %": (1.04, *(1.0,) * (WORKERS * KINDS - 1)),
    "threads first": _scaled((0.3, 0.9, 1.0), 3.5),
}


@dataclass(frozen=True)
class RaceOutcome:
    """What became of one race: whether a cell as good as the best was dropped, the part of all trials that it spared,
    and whether it, and all cells in all rounds, end with a leader within the margin of the best."""

    dropped_best: bool
    spared: float
    is_right: bool
    would_be_right: bool


def run_races(
    truth: tuple[float, ...], noise: Noise, allowance: float, runs: int, seed: int, failing: float = 0.0
) -> Iterator[RaceOutcome]:
    """Yield the outcome of each of so many races; ``failing`` is the share of trials that have no figure."""
    dice = np.random.default_rng(seed)
    speeds = {str(cell): log(speed) for cell, speed in enumerate(truth)}
    best = max(speeds, key=lambda name: speeds[name])
    for _ in range(runs):
        drift = dice.normal(0, 0.1, (ROUNDS, 1))  # of the machine, which all cells of a round share
        figures = np.log(truth) + noise(dice, (ROUNDS, len(truth))) + drift
        found = _race(np.where(dice.random(figures.shape) < failing, np.nan, figures), allowance)
        ended = {each.candidate: each.after_round for each in found.dropped}
        spared = sum(ROUNDS - after for after in ended.values()) / (ROUNDS * len(truth))
        in_full = str(int(figures.mean(axis=0).argmax()))
        right = {name for name, speed in speeds.items() if speed >= speeds[best] - MARGIN}
        yield RaceOutcome(best in ended, spared, found.leader in right, in_full in right)


def _race(figures: Floats, allowance: float) -> Race:
    logs = {
        str(cell): {at: figure for at, figure in enumerate(of.tolist(), start=1) if not isnan(figure)}
        for cell, of in enumerate(figures.T)
    }
    looks = range(MIN_ROUNDS, ROUNDS + 1)
    return race(logs, looks, lambda candidate, leader: allowance, lambda candidate, after: True)
