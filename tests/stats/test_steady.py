"""Where the steady state of a trial begins: made-up series whose truth is known, and how often chance is cut."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.signal import lfilter

from harness.stats.steady import MIN_ROWS, Settled, Steady, find_steady_state

RUNS = 150


def noise(dice: np.random.Generator, rows: int, phi: float = 0.0) -> np.ndarray:
    """AR(1) with a deviation of one, past its own beginning."""
    innovations = dice.standard_normal(rows + 50) * (1 - phi**2) ** 0.5
    return np.asarray(lfilter([1], [1, -phi], innovations))[50:]


def found(rates: Sequence[float] | np.ndarray) -> Steady:
    return find_steady_state([float(rate) for rate in rates])


def test_a_flat_series_is_steady_from_the_start() -> None:
    assert found([1000.0] * 30) == Steady(0, Settled.YES)


def test_a_slow_start_is_cut_where_it_ends() -> None:
    dice = np.random.default_rng(1)
    steady = found(np.concatenate([[200, 400, 600, 800], np.full(26, 1000.0)]) + noise(dice, 30) * 10)
    assert steady == Steady(4, Settled.YES)


def test_an_exponential_approach_is_cut_where_it_drowns_in_the_noise() -> None:
    """What is left of it after six seconds is a two-hundredth, below the noise."""
    dice = np.random.default_rng(2)
    cuts = [
        found(1000 * (1 - 0.5 * np.exp(-np.arange(40) / 1.5)) + noise(dice, 40) * 10).discarded_rows for _ in range(50)
    ]
    assert 3 <= np.median(cuts) <= 8
    assert max(cuts) <= 20


@pytest.mark.parametrize("rows", [30, 60])
def test_what_slows_down_all_the_time_never_settled(rows: int) -> None:
    dice = np.random.default_rng(3)
    assert found(np.linspace(1000, 700, rows) + noise(dice, rows) * 10).settled is Settled.NEVER


def test_what_breaks_down_late_never_settled() -> None:
    dice = np.random.default_rng(4)
    rates = np.concatenate([np.full(40, 1000.0), np.full(20, 600.0)]) + noise(dice, 60) * 10
    assert found(rates).settled is Settled.NEVER


def test_a_drift_too_small_to_matter_is_none() -> None:
    assert found(np.linspace(1000, 980, 60)).settled is Settled.YES


def test_what_came_to_a_stand_never_settled() -> None:
    assert found([100.0] * 5 + [0.0] * 10) == Steady(0, Settled.NEVER)


def test_a_short_window_can_not_tell() -> None:
    assert found([1000.0] * (MIN_ROWS - 1)) == Steady(0, Settled.TOO_SHORT)
    assert found([]) == Steady(0, Settled.TOO_SHORT)


@pytest.mark.parametrize("rows", [10, 30, 60])
@pytest.mark.parametrize("phi", [0.0, 0.4, 0.7])
def test_noise_alone_is_seldom_called_unsettled(rows: int, phi: float) -> None:
    """2 % is promised; of 150 runs, 8 or more would then happen once in a hundred."""
    dice = np.random.default_rng(5)
    settled = [found(1000 + 80 * noise(dice, rows, phi)).settled for _ in range(RUNS)]
    assert settled.count(Settled.NEVER) < 8


@pytest.mark.parametrize("rows", [10, 30, 60])
def test_never_more_than_half_is_cut_and_mostly_nothing(rows: int) -> None:
    dice = np.random.default_rng(6)
    cuts = [found(1000 + 80 * noise(dice, rows)).discarded_rows for _ in range(RUNS)]
    assert max(cuts) <= rows // 2
    assert sum(cut > 0 for cut in cuts) < 0.2 * RUNS
