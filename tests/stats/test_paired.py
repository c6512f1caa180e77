"""Effects at equal pace: against a library's regression, and against simulated neighbours."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.regression.linear_model import OLS

from harness.stats.estimate import Estimate, bootstrap_interval, ratio_of, ratio_of_logs
from harness.stats.paired import MIN_ADJUSTED, Paired, Running, slope_within

SIZES = st.integers(MIN_ADJUSTED, 30)


def made(n: int, effect: float = 0.05, slope: float = 1.2, noise: float = 0.05, seed: int = 1) -> Paired:
    """Log-ratios of which the paces explain most."""
    dice = np.random.default_rng(seed)
    paces = dice.choice([-0.5, 0.0, 0.5], n) + dice.normal(0, 0.02, n)
    logs = effect + slope * paces + dice.normal(0, noise, n)
    return Paired(tuple(logs.tolist()), tuple(paces.tolist()))


@given(SIZES, st.integers(0, 1000))
def test_the_effect_is_the_intercept_of_the_regression(n: int, seed: int) -> None:
    pairs = made(n, seed=seed)
    fit = OLS(np.array(pairs.logs), np.column_stack([np.ones(n), np.array(pairs.paces)])).fit()
    running = Running.of(pairs)
    assert running.effects[-1] == pytest.approx(fit.params[0], abs=1e-9)
    assert running.errors[-1] == pytest.approx(fit.bse[0], rel=1e-6)
    assert running.freedom[-1] == n - 2
    assert pairs.slope == pytest.approx(fit.params[1], abs=1e-9)
    ratio = ratio_of(pairs)
    assert (ratio.low, ratio.high) == pytest.approx(tuple(np.exp(fit.conf_int()[0])))


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=20))
def test_without_a_pace_it_is_the_paired_t_interval(logs: list[float]) -> None:
    found, plain = ratio_of(Paired(tuple(logs))), ratio_of_logs(logs)
    assert (found.value, found.low, found.high) == pytest.approx((plain.value, plain.low, plain.high))


def test_every_block_is_as_if_it_were_the_last() -> None:
    pairs = made(12)
    running = Running.of(pairs)
    assert pairs.paces is not None
    for n in range(2, 13):
        short = Running.of(Paired(pairs.logs[:n], pairs.paces[:n]))
        assert running.effects[n - 1] == pytest.approx(short.effects[-1])
        assert running.errors[n - 1] == pytest.approx(short.errors[-1])
        assert running.freedom[n - 1] == n - 1 - (n >= MIN_ADJUSTED)


def test_few_blocks_and_paces_that_never_change_are_left_alone() -> None:
    few = made(MIN_ADJUSTED - 1)
    assert not few.is_adjusted
    assert ratio_of(few) == ratio_of_logs(few.logs)
    even = Paired(made(9).logs, (0.1,) * 9)
    assert even.slope == 0
    assert ratio_of(even).value == pytest.approx(ratio_of_logs(even.logs).value)
    assert even.at_equal_pace == even.logs


def test_what_the_pace_explains_is_taken_out_of_the_scatter() -> None:
    pairs = made(30)
    assert np.std(pairs.logs) > 0.3
    assert np.std(pairs.at_equal_pace) < 0.07
    assert np.mean(pairs.at_equal_pace) == pytest.approx(np.log(ratio_of(pairs).value))


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Of 1,000 at 95 %, fewer than 930 hold it once in 300 times."""
    held = 0
    for seed in range(1000):
        ratio = ratio_of(made(8, seed=seed))
        assert ratio.low is not None
        assert ratio.high is not None
        held += ratio.low <= np.exp(0.05) <= ratio.high
    assert 930 <= held <= 970


def test_the_bootstrap_agrees() -> None:
    pairs = made(60)
    ratio, ends = ratio_of(pairs), bootstrap_interval(pairs)
    assert ends == pytest.approx((ratio.low, ratio.high), abs=0.004)


def cut_up(dice: np.random.Generator, rounds: int, slope: float = 1.0, effect: float = 0.0) -> Paired:
    """Rounds of six rotations on cores of two speeds, which change all the time; launches differ by 1 %."""
    speeds = dice.choice([-0.3, 0.3], (rounds, 6)) * dice.choice([0, 1], (rounds, 6))
    logs = effect + dice.normal(0, 0.01, (rounds, 1)) + slope * speeds + dice.normal(0, 0.03, (rounds, 6))
    given = slope_within(logs.tolist(), speeds.tolist())
    return Paired(tuple(logs.mean(1).tolist()), tuple(speeds.mean(1).tolist()), given)


@pytest.mark.parametrize("rounds", [3, 5, 12])
@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_a_slope_that_rotations_show_keeps_the_level_from_the_first_rounds_on(rounds: int, slope: float) -> None:
    dice = np.random.default_rng(rounds)
    found = [ratio_of(cut_up(dice, rounds, slope, effect=0.02)) for _ in range(1500)]
    covered = np.mean([each.low < np.exp(0.02) < each.high for each in found if each.low and each.high])
    assert covered == pytest.approx(0.95, abs=0.02)
    assert np.mean([np.log(each.value) for each in found]) == pytest.approx(0.02, abs=0.002)


def test_it_takes_out_what_the_cores_do() -> None:
    dice = np.random.default_rng(1)
    pairs = [cut_up(dice, 5) for _ in range(300)]
    assert all(each.is_adjusted for each in pairs)
    assert np.median([each.slope for each in pairs]) == pytest.approx(1.0, abs=0.02)
    adjusted, plain = (
        np.median([np.log(each.high / each.low) for each in found if each.low and each.high])
        for found in ([ratio_of(pair) for pair in pairs], [ratio_of_logs(pair.logs) for pair in pairs])
    )
    assert adjusted < 0.3 * plain
    ends = bootstrap_interval(pairs[0])
    estimate = ratio_of(pairs[0])
    assert ends is not None
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low < ends[0] < estimate.value < ends[1] < estimate.high


def test_too_few_rotations_or_an_even_speed_show_no_slope() -> None:
    assert slope_within([[0.1, 0.2], [0.3]], [[-0.1, 0.1], [0.0]]) is None
    assert slope_within([[0.1, 0.2, 0.3]] * 5, [[0.1, 0.1, 0.1]] * 5) is None
    assert slope_within([], []) is None
    assert slope_within([[0.1, 0.2, 0.3]] * 5, [[-0.1, 0.0, 0.1]] * 5) == pytest.approx(1.0)


@pytest.mark.parametrize("rounds", [3, 5])
@pytest.mark.parametrize("slope", [0.0, 1.7])
def test_two_rotations_in_a_few_rounds_keep_the_level_and_gain_where_the_speed_matters(
    rounds: int, slope: float
) -> None:
    """As those of half a minute on cores that lose a third of their speed every other second."""
    dice, held, widths = np.random.default_rng(rounds), 0, list[tuple[float, float]]()
    for _ in range(1500):
        speeds = dice.choice([-0.3, 0.0], (rounds, 2)) - dice.choice([-0.3, 0.0], (rounds, 2))
        logs = 0.02 + dice.normal(0, 0.01, (rounds, 1)) + slope * speeds + dice.normal(0, 0.03, (rounds, 2))
        means = tuple(logs.mean(1).tolist())
        shown = slope_within(logs.tolist(), speeds.tolist())
        adjusted = ratio_of(Paired(means, tuple(speeds.mean(1).tolist()), shown))
        held += is_within(np.exp(0.02), adjusted)
        widths.append((width_of(adjusted), width_of(ratio_of_logs(means))))
    assert held / 1500 == pytest.approx(0.95, abs=0.02)
    adjusted_width, plain_width = np.median(widths, axis=0)
    assert adjusted_width < (0.3 if slope else 1.1) * plain_width


def is_within(value: float, estimate: Estimate) -> bool:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= value <= estimate.high


def width_of(estimate: Estimate) -> float:
    assert estimate.low is not None
    assert estimate.high is not None
    return float(np.log(estimate.high / estimate.low))


@pytest.mark.parametrize("bias", [np.zeros(7), np.full(7, 0.2), np.array([0, 0, 0.22, 0, 0, -0.22, 0.22])])
def test_a_measure_of_the_speed_that_differs_by_launch_is_hardly_believed(bias: npt.NDArray[np.float64]) -> None:
    """As that of a probe which some servers slow down by standing in its way."""
    dice = np.random.default_rng(4)
    speeds = dice.normal(0, 0.02, (7, 12))
    logs = speeds + dice.normal(0, 0.005, (7, 12))
    slope = slope_within(logs.tolist(), (speeds + bias[:, None]).tolist())
    assert slope is not None
    assert slope == pytest.approx(1.0, abs=0.1) if not bias.any() else abs(slope) < 0.01


def test_without_a_round_the_slope_of_all_rounds_is_kept() -> None:
    """Four rounds alone would have none, and scatter by what the cores did."""
    paces = (0.05, 0.15, 0.1, 0.06, 0.14)
    pairs = Paired(tuple(-pace - (0.1 if number == 2 else 0.0) for number, pace in enumerate(paces)), paces)
    assert pairs.slope == pytest.approx(-1.0)
    assert pairs.without(2).logs == pytest.approx([0.0] * 4)


def test_without_a_round_the_others_stay_with_their_machines() -> None:
    pairs = Paired((0.1, 0.3, 0.1, 0.5), rigs=("a", "b", "a", "b"))
    assert pairs.without(3).rigs == ("a", "b", "a")
    assert pairs.without(3).logs == pytest.approx([0.25, 0.15, 0.25])
