"""The simulations that say how often verdicts are right: a few of each, so that they would show a gross mistake.

``make validity`` makes thousands.
"""

import statistics

import numpy as np
import pytest

from bench.validity.checks import DIFFERENT, SLOWER_BY_20
from bench.validity.comparisons import MOST_BLOCKS, coverage, share, simulated
from bench.validity.worlds import METRICS, SCATTER, WORLDS, World
from harness.stats.verdict import Verdict

RUNS = 20
each_world = pytest.mark.parametrize("world", WORLDS.values(), ids=list(WORLDS))


@each_world
def test_a_world_without_a_difference_has_none_and_scatters_as_it_says(world: World) -> None:
    dice = np.random.default_rng(1)
    differences = np.concatenate([world(dice, MOST_BLOCKS).metrics for _ in range(100)])
    assert differences.shape == (100 * MOST_BLOCKS, len(METRICS))
    assert np.all(np.abs(differences.mean(axis=0)) < 4 * differences.std(axis=0) / len(differences) ** 0.5)
    if world not in (WORLDS["recorded"], WORLDS["shared"]):
        assert differences[:, 0].std() == pytest.approx(SCATTER, rel=0.15)


@each_world
def test_no_difference_is_seldom_called_one(world: World) -> None:
    """2 % are promised: of 20, three or more would then be called once in a hundred times. Of 95 % that are to hold the
    truth, fewer than sixteen would once in four hundred."""
    outcomes = simulated(world, 0.0, RUNS, seed=1)
    assert all(share(outcomes, metric, *DIFFERENT) * RUNS < 3 for metric in METRICS)
    assert coverage(outcomes, "throughput") * RUNS >= 16


@each_world
def test_a_fifth_slower_is_seen_and_soon(world: World) -> None:
    outcomes = simulated(world, SLOWER_BY_20, RUNS, seed=3)
    assert share(outcomes, "throughput", Verdict.WORSE) >= 0.85
    if world is not WORLDS["recorded"]:
        assert statistics.median(outcome.blocks for outcome in outcomes) <= MOST_BLOCKS / 2
