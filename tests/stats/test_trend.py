"""The trend within rounds: shown where one topology goes on changing beside another, by chance hardly ever."""

import numpy as np
import pytest

from harness.stats.trend import LEVEL, find_trend

ROUNDS = 10
ROTATIONS = 6


def rounds_of(dice: np.random.Generator, change: float, launches: float = 0.04, noise: float = 0.01) -> np.ndarray:
    """Log-ratios that rise by ``change`` within each round, with a level of its own for each round."""
    levels = dice.normal(0, launches, (ROUNDS, 1))
    return levels + change * np.linspace(0, 1, ROTATIONS) + dice.normal(0, noise, (ROUNDS, ROTATIONS))


def test_chance_seldom_shows_a_trend() -> None:
    dice = np.random.default_rng(1)
    found = [find_trend(rounds_of(dice, 0.0).tolist()) for _ in range(2000)]
    shown = sum(trend is not None and trend.is_shown for trend in found)
    assert shown / 2000 == pytest.approx(LEVEL, abs=0.005)


@pytest.mark.parametrize("change", [0.05, -0.05])
def test_a_topology_that_goes_on_changing_is_noticed_though_launches_differ(change: float) -> None:
    dice = np.random.default_rng(2)
    found = [find_trend(rounds_of(dice, change).tolist()) for _ in range(200)]
    assert sum(trend is not None and trend.is_shown for trend in found) > 195
    assert np.mean([trend.change for trend in found if trend]) == pytest.approx(change, abs=0.002)


def test_too_little_tells_nothing() -> None:
    assert find_trend([[0.1, 0.2, 0.3]] * 3) is None
    assert find_trend([[0.1, 0.2]] * 10) is None
    assert find_trend([]) is None


def test_rounds_that_are_all_alike_have_a_trend_only_if_they_rise() -> None:
    level, rising = find_trend([[0.0, 0.0, 0.0]] * 5), find_trend([[0.0, 0.5, 1.0]] * 5)
    assert level is not None
    assert not level.is_shown
    assert rising is not None
    assert rising.is_shown
    assert rising.change == pytest.approx(1.0)
