"""Trials that share no rounds: against SciPy's own words, and how often the verdicts are wrong, by simulation."""

import numpy as np
import pytest
from scipy import stats

from harness.stats.unpaired import judge_unpaired
from harness.stats.verdict import MARGIN, Verdict


def noise(mean: float, scatter: float, n: int, seed: int = 1) -> list[float]:
    """Figures whose logarithms have exactly this mean and scatter."""
    values = np.random.default_rng(seed).standard_normal(n)
    return [float(value) for value in np.exp(mean + scatter * (values - values.mean()) / values.std(ddof=1))]


def test_the_ratio_is_that_of_the_geometric_means_with_welchs_interval() -> None:
    before, after = [100.0, 90.0, 110.0, 95.0], [150.0, 170.0, 120.0]
    expected = stats.ttest_ind(np.log(after), np.log(before), equal_var=False).confidence_interval(0.95)
    ratio = judge_unpaired(before, after, MARGIN).ratio
    assert ratio.value == pytest.approx(stats.gmean(after) / stats.gmean(before))
    assert (ratio.low, ratio.high) == pytest.approx((np.exp(expected.low), np.exp(expected.high)))
    assert ratio.n == 3


@pytest.mark.parametrize(
    ("mean", "scatter", "expected"),
    [
        (0.10, 0.02, Verdict.FASTER),
        (-0.10, 0.02, Verdict.SLOWER),
        (0.0, 0.005, Verdict.EQUIVALENT),
        (0.008, 0.005, Verdict.EQUIVALENT),  # there is a difference, and it makes none
        (0.0, 0.1, Verdict.INCONCLUSIVE),
        (0.05, 0.1, Verdict.INCONCLUSIVE),
    ],
)
def test_a_verdict_is_what_the_tests_can_show(mean: float, scatter: float, expected: Verdict) -> None:
    before, after = noise(0.0, scatter, 10, seed=1), noise(mean, scatter, 8, seed=2)
    assert judge_unpaired(before, after, MARGIN).verdict is expected
    opposite = {Verdict.FASTER: Verdict.SLOWER, Verdict.SLOWER: Verdict.FASTER}
    back = judge_unpaired(after, before, MARGIN)
    assert back.verdict is opposite.get(expected, expected)
    assert back.ratio.inverse().value == pytest.approx(judge_unpaired(before, after, MARGIN).ratio.value)


def test_the_margin_decides_what_is_equivalent() -> None:
    before, after = noise(0.0, 0.01, 10, seed=1), noise(0.03, 0.01, 10, seed=2)
    assert judge_unpaired(before, after, MARGIN).verdict is Verdict.FASTER
    assert judge_unpaired(before, after, 0.05).verdict is Verdict.EQUIVALENT


@pytest.mark.parametrize("sides", [([1.0], [2.0]), ([1.0], [2.0, 2.1, 2.2]), ([1.0, 1.1], [2.0])])
def test_one_trial_on_either_side_tells_nothing(sides: tuple[list[float], list[float]]) -> None:
    found = judge_unpaired(*sides, MARGIN)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert (found.ratio.low, found.ratio.high, found.ratio.n) == (None, None, 1)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(1.0, 1.0, Verdict.EQUIVALENT), (1.0, 2.0, Verdict.FASTER), (2.0, 1.0, Verdict.SLOWER)],
)
def test_figures_without_scatter_have_a_verdict(before: float, after: float, expected: Verdict) -> None:
    found = judge_unpaired([before] * 3, [after] * 4, MARGIN)
    assert found.verdict is expected
    assert (found.ratio.low, found.ratio.high) == pytest.approx((after / before, after / before))


def test_verdicts_are_as_seldom_wrong_and_intervals_as_often_right_as_they_say() -> None:
    """500 times no difference between 6 trials and 12 that scatter three times as much. The binomial bounds are
    passed by chance once in 500 times each."""
    dice, different, held = np.random.default_rng(3), 0, 0
    for _ in range(500):
        before, after = dice.lognormal(0, 0.02, 6), dice.lognormal(0, 0.06, 12)
        found = judge_unpaired(before.tolist(), after.tolist(), MARGIN)
        different += found.verdict in (Verdict.FASTER, Verdict.SLOWER)
        assert found.ratio.low is not None
        assert found.ratio.high is not None
        held += found.ratio.low <= 1 <= found.ratio.high
    assert different <= stats.binom.isf(0.002, 500, 0.02)
    assert stats.binom.ppf(0.002, 500, 0.95) <= held <= stats.binom.isf(0.002, 500, 0.95)


def test_what_lies_at_the_margin_is_seldom_called_equivalent() -> None:
    """500 times, a true difference of exactly the margin: 2 % at the most."""
    dice, equivalent = np.random.default_rng(4), 0
    for _ in range(500):
        before, after = dice.lognormal(0, 0.01, 10), dice.lognormal(np.log1p(MARGIN), 0.01, 10)
        equivalent += judge_unpaired(before.tolist(), after.tolist(), MARGIN).verdict is Verdict.EQUIVALENT
    assert equivalent <= stats.binom.isf(0.002, 500, 0.02)
