"""Estimates: checked against SciPy's own tests, and by simulation."""

from math import inf

import numpy as np
import pytest
from scipy import stats

from harness.stats.estimate import (
    Estimate,
    bootstrap_interval,
    mean_over_trials,
    product_of,
    ratio_of,
    ratio_of_logs,
)
from harness.stats.paired import Paired


def test_a_ratio_is_the_paired_t_test_on_logarithms() -> None:
    pairs = [(100.0, 150.0), (90.0, 140.0), (110.0, 160.0), (95.0, 155.0)]
    logs = np.log([after for _, after in pairs]) - np.log([before for before, _ in pairs])
    expected = stats.ttest_1samp(logs, 0).confidence_interval(0.95)
    ratio = ratio_of_logs(logs.tolist())
    assert ratio.value == pytest.approx(np.exp(logs.mean()))
    assert ratio.low == pytest.approx(np.exp(expected.low))
    assert ratio.high == pytest.approx(np.exp(expected.high))
    assert ratio.n == 4


def test_the_ratio_of_means_over_the_same_blocks_is_the_ratio_within_blocks() -> None:
    before, after = [100.0, 90.0, 110.0], [150.0, 140.0, 160.0]
    ratio = ratio_of_logs((np.log(after) - np.log(before)).tolist())
    assert mean_over_trials(after).value / mean_over_trials(before).value == pytest.approx(ratio.value)


def test_a_product_holds_the_doubts_of_both() -> None:
    """Simulated: the interval of a product of two independent means holds the true one as often as theirs do."""
    dice, held = np.random.default_rng(3), 0
    for _ in range(400):
        one, other = (mean_over_trials(np.exp(dice.normal(0, scatter, 8)).tolist()) for scatter in (0.1, 0.2))
        product = product_of(one, other)
        assert product.value == pytest.approx(one.value * other.value)
        assert product.low is not None
        assert product.high is not None
        held += product.low <= 1 <= product.high
    assert 0.92 <= held / 400 <= 0.98


def test_a_product_with_what_has_no_interval_has_none() -> None:
    bare = product_of(Estimate(2.0, 1.0, 3.0, 5, "made"), mean_over_trials([42.0]))
    assert bare.value == pytest.approx(84.0)
    assert (bare.low, bare.high, bare.n) == (None, None, 1)


def test_one_trial_has_no_interval() -> None:
    estimate = mean_over_trials([42.0])
    assert estimate.value == pytest.approx(42.0)
    assert (estimate.low, estimate.high, estimate.n) == (None, None, 1)
    assert ratio_of_logs([0.4]).low is None


def test_a_zero_has_no_logarithm_and_gives_no_interval() -> None:
    estimate = mean_over_trials([0.0, 1.0, 2.0])
    assert (estimate.value, estimate.low, estimate.high) == (1.0, None, None)


def test_an_interval_of_a_rate_never_reaches_zero() -> None:
    estimate = mean_over_trials([1.0, 100.0])
    assert estimate.low is not None
    assert estimate.low > 0


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    """4,000 simulated comparisons of 5 blocks, machine drift in each block, a true ratio of 1.5."""
    dice = np.random.default_rng(20)
    covered = 0
    for _ in range(4000):
        drift = dice.normal(0, 0.2, 5)
        before = 100 * np.exp(drift + dice.normal(0, 0.05, 5))
        after = 150 * np.exp(drift + dice.normal(0, 0.05, 5))
        ratio = ratio_of_logs(np.log(after / before).tolist())
        covered += ratio.low is not None and ratio.high is not None and ratio.low <= 1.5 <= ratio.high
    assert 0.935 <= covered / 4000 <= 0.965


def test_the_inverse_of_a_ratio_is_that_of_its_interval() -> None:
    ratio, other = ratio_of_logs([0.1, 0.2, 0.3]).inverse(), ratio_of_logs([-0.1, -0.2, -0.3])
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((other.value, other.low, other.high))
    assert ratio_of_logs([0.1]).inverse().low is None


def test_the_bootstrap_agrees_with_t_where_noise_is_normal_and_there_is_much_of_it() -> None:
    logs = np.random.default_rng(4).normal(0.1, 0.05, 60).tolist()
    ratio, ends = ratio_of_logs(logs), bootstrap_interval(Paired(tuple(logs)))
    assert ends is not None
    assert ends == pytest.approx((ratio.low, ratio.high), abs=0.002)
    assert bootstrap_interval(Paired(tuple(logs))) == ends
    assert bootstrap_interval(Paired((0.1,))) is None
    assert bootstrap_interval(Paired((0.1, 0.1))) is None


@pytest.mark.parametrize("log_ratio", [100.0, 1e3, 1e-300, 0.0])
def test_figures_however_far_apart_have_an_interval_of_numbers(log_ratio: float) -> None:
    pairs = Paired((log_ratio, -log_ratio))
    for estimate in (ratio_of_logs(pairs.logs), ratio_of(pairs), ratio_of(Paired(pairs.logs * 5, (1e-4, 0.0) * 5))):
        for each in (estimate, estimate.inverse()):
            assert each.low is not None
            assert each.high is not None
            assert 0 < each.low <= each.value <= each.high < inf
