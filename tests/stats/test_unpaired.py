"""Trials that share no rounds: against SciPy's own words, and how often the verdicts are wrong, by simulation."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from harness.stats.estimate import Estimate
from harness.stats.sequential import SINGLE_LOOK
from harness.stats.unpaired import UnpairedRatios
from harness.stats.verdict import MARGIN, Verdict, judge


def judged(before: Sequence[float], after: Sequence[float], margin: float = MARGIN) -> tuple[Verdict, Estimate]:
    """The verdict on two sides, and the ratio of the second to the first."""
    evidence = UnpairedRatios(tuple(before), tuple(after), margin)
    return judge({"it": evidence}, SINGLE_LOOK)["it"].verdict, evidence.estimate


def noise(mean: float, scatter: float, n: int, seed: int = 1) -> list[float]:
    """Figures whose logarithms have exactly this mean and scatter."""
    values = np.random.default_rng(seed).standard_normal(n)
    return [float(value) for value in np.exp(mean + scatter * (values - values.mean()) / values.std(ddof=1))]


def test_the_ratio_is_that_of_the_geometric_means_with_welchs_interval() -> None:
    before, after = [100.0, 90.0, 110.0, 95.0], [150.0, 170.0, 120.0]
    expected = stats.ttest_ind(np.log(after), np.log(before), equal_var=False).confidence_interval(0.95)
    _, ratio = judged(before, after)
    assert ratio.value == pytest.approx(stats.gmean(after) / stats.gmean(before))
    assert (ratio.low, ratio.high) == pytest.approx((np.exp(expected.low), np.exp(expected.high)))
    assert ratio.n == 3


@pytest.mark.parametrize(
    ("mean", "scatter", "expected"),
    [
        (0.10, 0.02, Verdict.BETTER),
        (-0.10, 0.02, Verdict.WORSE),
        (0.0, 0.005, Verdict.EQUIVALENT),
        (0.008, 0.005, Verdict.EQUIVALENT),  # there is a difference, and it makes none
        (0.0, 0.1, Verdict.INCONCLUSIVE),
        (0.05, 0.1, Verdict.INCONCLUSIVE),
    ],
)
def test_a_verdict_is_what_the_tests_can_show(mean: float, scatter: float, expected: Verdict) -> None:
    before, after = noise(0.0, scatter, 10, seed=1), noise(mean, scatter, 8, seed=2)
    assert judged(before, after)[0] is expected
    opposite = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}
    back, ratio = judged(after, before)
    assert back is opposite.get(expected, expected)
    assert ratio.inverse().value == pytest.approx(judged(before, after)[1].value)


def test_the_margin_decides_what_is_equivalent() -> None:
    before, after = noise(0.0, 0.01, 10, seed=1), noise(0.03, 0.01, 10, seed=2)
    assert judged(before, after)[0] is Verdict.BETTER
    assert judged(before, after, 0.05)[0] is Verdict.EQUIVALENT


@pytest.mark.parametrize("sides", [([1.0], [2.0]), ([1.0], [2.0, 2.1, 2.2]), ([1.0, 1.1], [2.0])])
def test_one_trial_on_either_side_tells_nothing(sides: tuple[list[float], list[float]]) -> None:
    verdict, ratio = judged(*sides)
    assert verdict is Verdict.INCONCLUSIVE
    assert (ratio.low, ratio.high, ratio.n) == (None, None, 1)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(1.0, 1.0, Verdict.EQUIVALENT), (1.0, 2.0, Verdict.BETTER), (2.0, 1.0, Verdict.WORSE)],
)
def test_figures_without_scatter_have_a_verdict(before: float, after: float, expected: Verdict) -> None:
    verdict, ratio = judged([before] * 3, [after] * 4)
    assert verdict is expected
    assert (ratio.low, ratio.high) == pytest.approx((after / before, after / before))


def test_verdicts_are_as_seldom_wrong_and_intervals_as_often_right_as_they_say() -> None:
    """500 times no difference between 6 trials and 12 that scatter three times as much. The binomial bounds are
    passed by chance once in 500 times each."""
    dice, different, held = np.random.default_rng(3), 0, 0
    for _ in range(500):
        before, after = dice.lognormal(0, 0.02, 6), dice.lognormal(0, 0.06, 12)
        verdict, ratio = judged(before.tolist(), after.tolist())
        different += verdict in (Verdict.BETTER, Verdict.WORSE)
        assert ratio.low is not None
        assert ratio.high is not None
        held += ratio.low <= 1 <= ratio.high
    assert different <= stats.binom.isf(0.002, 500, 0.02)
    assert stats.binom.ppf(0.002, 500, 0.95) <= held <= stats.binom.isf(0.002, 500, 0.95)


def test_what_lies_at_the_margin_is_seldom_called_equivalent() -> None:
    """500 times, a true difference of exactly the margin: 2 % at the most."""
    dice, equivalent = np.random.default_rng(4), 0
    for _ in range(500):
        before, after = dice.lognormal(0, 0.01, 10), dice.lognormal(np.log1p(MARGIN), 0.01, 10)
        equivalent += judged(before.tolist(), after.tolist())[0] is Verdict.EQUIVALENT
    assert equivalent <= stats.binom.isf(0.002, 500, 0.02)
