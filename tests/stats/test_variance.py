"""The parts of the scatter between rounds: found again in simulated ones, and what follows from them."""

import numpy as np
import pytest
from scipy.signal import lfilter

from harness.stats.variance import (
    MAX_CORRELATION,
    Limit,
    VarianceComponents,
    estimate_variances,
)

BETWEEN, WITHIN = 0.02, 0.03  # standard deviations
RUNS = 300


def rounds_of(sizes: list[int], seed: int, between: float = BETWEEN, correlation: float = 0.0) -> list[list[float]]:
    """Rounds of so many rotations each, whose noise is an AR(1)."""
    dice = np.random.default_rng(seed)
    rounds = []
    for size in sizes:
        steps = dice.normal(0, WITHIN * (1 - correlation**2) ** 0.5, size + 50)
        noise = lfilter([1], [1, -correlation], steps)[50:]
        rounds.append((dice.normal(0, between) + noise).tolist())
    return rounds


def found_in(sizes: list[int], between: float = BETWEEN, correlation: float = 0.0) -> list[VarianceComponents]:
    """The components of many simulated runs."""
    found = (estimate_variances(rounds_of(sizes, seed, between, correlation)) for seed in range(RUNS))
    return [each for each in found if each is not None]


@pytest.mark.parametrize("sizes", [[6] * 10, [4, 12] * 8, [3] * 15])
def test_both_parts_are_found_without_bias(sizes: list[int]) -> None:
    """With equal and unequal rounds; the launches' own scatter is no part of the rotations', nor the reverse."""
    found = found_in(sizes)
    assert len(found) == RUNS
    assert np.mean([each.between for each in found]) == pytest.approx(BETWEEN**2, rel=0.12)
    assert np.mean([each.within for each in found]) == pytest.approx(WITHIN**2, rel=0.15)
    assert found[0].rotations == pytest.approx(1 / np.mean(1 / np.array(sizes)))


def test_autocorrelated_rotations_are_not_taken_for_launches() -> None:
    """With φ = 0.6 the mean of ten rotations varies 3.1 times as much as with independent ones. Without the
    correction, half of the launches' variance would be made up."""
    found = found_in([10] * 10, correlation=0.6)
    assert np.mean([each.between for each in found]) == pytest.approx(BETWEEN**2, rel=0.2)
    lags = np.arange(1, 10)
    within = WITHIN**2 * (1 + 2 * np.sum((1 - lags / 10) * 0.6**lags))
    assert np.mean([each.within for each in found]) == pytest.approx(within, rel=0.25)


def test_what_chance_makes_of_independent_rotations_is_no_autocorrelation() -> None:
    """Of white noise, few rounds would otherwise seem correlated by chance and so noisier than they are."""
    found = found_in([6] * 10)
    plain = [float(np.mean([np.var(each, ddof=1) for each in rounds_of([6] * 10, seed)])) for seed in range(RUNS)]
    same = np.isclose([each.within for each in found], plain)
    assert 0.9 <= same.mean() < 1


def test_no_launch_effect_is_found_where_there_is_none() -> None:
    found = found_in([6] * 20, between=0.0)
    assert min(each.between for each in found) == 0
    assert np.mean([each.launches_share for each in found]) < 0.25
    assert np.mean([each.limit is Limit.LAUNCHES for each in found]) < 0.02


def test_the_limit_is_named_where_it_is_clear() -> None:
    launches, rotations = found_in([6] * 10, between=0.04), found_in([6] * 10, between=0.001)
    assert np.mean([each.limit is Limit.LAUNCHES for each in launches]) > 0.95
    assert np.mean([each.limit is Limit.ROTATIONS for each in rotations]) > 0.75
    assert np.mean([each.limit is Limit.LAUNCHES for each in rotations]) < 0.02
    assert VarianceComponents(1.0, 6.0, 6).limit is Limit.BOTH


def test_too_few_rounds_tell_nothing() -> None:
    assert estimate_variances(rounds_of([6] * 4, 1)) is None
    assert estimate_variances([*rounds_of([6] * 4, 1), [0.1], []]) is None
    assert estimate_variances([]) is None
    assert estimate_variances(rounds_of([2] * 5, 1)) is not None


def test_rounds_without_scatter_have_none() -> None:
    found = estimate_variances([[0.1] * 4] * 6)
    assert found is not None
    assert (found.between, found.limit) == (0, Limit.ROTATIONS)
    assert found.within == pytest.approx(0)
    assert found.launches_share == 0


def test_a_trend_within_rounds_is_as_correlated_as_can_be() -> None:
    found = estimate_variances([np.linspace(0, sign, 12).tolist() for sign in (1, -1) * 4])
    assert found is not None
    lags = np.arange(1, 12)
    most = 1 + 2 * np.sum((1 - lags / 12) * MAX_CORRELATION**lags)
    assert found.within == pytest.approx(np.var(np.linspace(0, 1, 12)) * most / (1 - most / 12))
