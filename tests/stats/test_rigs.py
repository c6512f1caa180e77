"""Rounds on several machines: each has an effect of its own, which neither leans the result nor counts as chance."""

import numpy as np
import pytest
from scipy import stats

from harness.stats.estimate import difference_of, ratio_of, ratio_of_logs
from harness.stats.evidence import Differences, Ratios
from harness.stats.paired import Paired, Running

TRIALS = 2000


def of(*rounds: tuple[str, float], paces: tuple[float, ...] | None = None) -> Paired:
    return Paired(tuple(log for _, log in rounds), paces, rigs=tuple(rig for rig, _ in rounds))


UNEVEN = of(("a", 0.10), ("a", 0.12), ("a", 0.11), ("a", 0.13), ("b", 0.30), ("b", 0.32))


def test_the_result_is_the_mean_of_the_rigs_however_many_rounds_each_made() -> None:
    assert np.log(ratio_of(UNEVEN).value) == pytest.approx((0.115 + 0.31) / 2)


def test_the_interval_is_that_of_a_one_way_design() -> None:
    a, b = np.array(UNEVEN.logs[:4]), np.array(UNEVEN.logs[4:])
    variance = (np.sum((a - a.mean()) ** 2) + np.sum((b - b.mean()) ** 2)) / 4
    half = stats.t.ppf(0.975, 4) * np.sqrt(variance * (1 / 4 + 1 / 2)) / 2
    found = ratio_of(UNEVEN)
    assert found.high is not None
    assert np.log(found.high / found.value) == pytest.approx(half)


def test_one_machine_is_judged_as_before() -> None:
    logs = (0.1, 0.2, 0.15)
    assert ratio_of(Paired(logs, rigs=("a",) * 3)) == ratio_of_logs(logs)


def test_a_round_of_each_has_no_interval() -> None:
    found = ratio_of(of(("a", 0.1), ("b", 0.2)))
    assert (found.low, found.high) == (None, None)
    assert Ratios(of(("a", 0.1), ("b", 0.2)), 0.02).p_different(2) == 1.0


def test_running_estimates_are_those_of_the_first_rounds() -> None:
    running = Running.of(UNEVEN)
    for n in range(3, 7):
        first = Running.of(Paired(UNEVEN.logs[:n], rigs=UNEVEN.rigs[:n]))
        assert running.effects[n - 1] == pytest.approx(first.effects[-1])
        assert running.errors[n - 1] == pytest.approx(first.errors[-1])


def test_the_core_speed_is_taken_out_on_each() -> None:
    logs = [
        0.1 + 0.5 * pace + (0.2 if rig == "b" else 0.0) for rig, pace in zip("aabb", (0.0, 0.1, -0.1, 0.2), strict=True)
    ]
    pairs = Paired(tuple(logs), (0.0, 0.1, -0.1, 0.2), 0.5, tuple("aabb"))
    assert pairs.is_adjusted
    assert np.log(ratio_of(pairs).value) == pytest.approx(0.2)
    assert pairs.at_equal_pace == pytest.approx((0.2,) * 4)


def test_differences_are_means_of_the_rigs_too() -> None:
    found = difference_of((1.0, 2.0, 10.0), ("a", "a", "b"))
    assert found.value == pytest.approx((1.5 + 10.0) / 2)
    assert Differences((1.0, 2.0, 10.0), 0.1, ("a", "a", "b")).estimate == found


@pytest.mark.parametrize("shares", [(10, 10), (15, 5), (5, 5, 5, 5)])
def test_five_in_a_hundred_are_wrong_and_no_more(shares: tuple[int, ...]) -> None:
    """Whatever the machines differ by; a mean over all rounds would miss the mean of the machines."""
    dice = np.random.default_rng(1)
    rigs = tuple(str(rig) for rig, number in enumerate(shares) for _ in range(number))
    effects = np.repeat(np.linspace(-0.05, 0.05, len(shares)), shares)
    wrong = 0
    for _ in range(TRIALS):
        logs = tuple((effects + dice.normal(0, 0.02, len(rigs))).tolist())
        wrong += Ratios(Paired(logs, rigs=rigs), 0.02).p_different(len(logs)) < 0.05
    assert stats.binomtest(wrong, TRIALS, 0.05).pvalue > 0.001
