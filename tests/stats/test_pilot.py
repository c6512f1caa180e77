"""The number of rotations that a pilot's scatter asks for, and the looks that follow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.estimate import ratio_of_logs
from harness.stats.pilot import LEAST, LONGEST, Pilot, RoundCosts, half_width, plan_rotations, replan_looks
from harness.stats.sequential import looks_until
from harness.stats.variance import VarianceComponents

COSTS = RoundCosts(launch_s=4.0, rotation_s=1.0)


def in_time(left_s: float, rotations: int = 6) -> Pilot:
    """Five rounds, and so much time after them."""
    return Pilot(5, rotations, COSTS, left_s)


LONG = in_time(1e6)


def pilot(between: float, within: float, effect: float = 0.0) -> list[list[float]]:
    """Five rounds of six rotations."""
    dice = np.random.default_rng(3)
    rounds: list[list[float]] = (effect + dice.normal(0, between, (5, 1)) + dice.normal(0, within, (5, 6))).tolist()
    return rounds


def test_launches_that_differ_ask_for_short_rounds_and_noise_for_long_ones() -> None:
    assert plan_rotations(LONG, [pilot(0.05, 0.005)]) == LEAST == 2  # a single one tells no scatter
    assert plan_rotations(LONG, [pilot(0.0, 0.02)]) >= 0.9 * 6 * LONGEST
    assert LEAST < plan_rotations(LONG, [pilot(0.02, 0.06)]) < 6 * LONGEST


def test_all_comparisons_have_a_say() -> None:
    """One that is all noise alone would ask for the longest rounds."""
    assert plan_rotations(LONG, [pilot(0.0, 0.02), pilot(0.05, 0.005)]) < 6 * LONGEST


@pytest.mark.parametrize(("within", "best"), [(5.0, 10), (2.5, 5), (10.0, 20)])
def test_in_much_time_the_best_is_that_of_kalibera_and_jones(within: float, best: int) -> None:
    """√(4 · 25) and the like."""
    long = in_time(1e6)
    widths = {n: half_width(long, VarianceComponents(1.0, within**2, 6), n) for n in range(1, 30)}
    assert min(widths, key=lambda n: widths[n]) == best


def test_in_little_time_rounds_are_shorter_since_few_of_them_tell_little() -> None:
    noisy = [pilot(0.0, 0.02)]
    planned = [plan_rotations(in_time(left_s), noisy) for left_s in (30.0, 100.0, 2000.0)]
    assert planned == sorted(planned)
    assert planned[0] < planned[-1]
    assert in_time(30.0).count_rounds(planned[0]) > in_time(30.0).count_rounds(6 * LONGEST)


def test_a_round_for_which_there_is_no_time_is_not_planned() -> None:
    """It would be taken for the most precise plan, and not be begun."""
    assert plan_rotations(in_time(13.0), [pilot(0.0, 0.02)]) == 7  # 11 s, and a little to spare
    assert plan_rotations(in_time(-3.0), [pilot(0.0, 0.02)]) == 6


@given(st.floats(-0.5, 0.5), st.sampled_from([1.0, -1.0]))
def test_the_effect_has_none(effect: float, sign: float) -> None:
    """So that the plan cannot favour one of the two: neither the size of the effect nor its sign changes it."""
    made = np.array(pilot(0.02, 0.06))
    assert plan_rotations(LONG, [(effect + sign * made).tolist()]) == plan_rotations(LONG, [made.tolist()])


def test_a_pilot_that_tells_nothing_changes_nothing() -> None:
    assert plan_rotations(LONG, []) == 6
    assert plan_rotations(LONG, [pilot(0.02, 0.06)[:4]]) == 6
    assert plan_rotations(in_time(100.0, rotations=1), [[[0.1]] * 5]) == 1


@pytest.mark.parametrize(("most", "after"), [(30, (5, 8, 13, 20, 30)), (45, (5, 8, 13, 20, 30, 45)), (6, (5, 6))])
def test_the_look_that_was_made_stays_a_look(most: int, after: tuple[int, ...]) -> None:
    assert replan_looks(5, most).after == after


@given(st.integers(1, 20), st.integers(1, 200))
def test_looks_ascend_to_the_last_round(made: int, most: int) -> None:
    after = replan_looks(made, most).after
    assert after[0] == made
    assert after[-1] == max(made, most)
    assert list(after) == sorted(set(after))
    assert set(after[1:]) <= set(looks_until(max(made, most)).after)


@pytest.mark.parametrize("longer", [0.5, 2.0])
def test_rounds_of_two_lengths_keep_the_level_of_the_interval(longer: float) -> None:
    """Five rounds of the pilot, and eight that scatter half or twice as much: of 3,000 intervals at 95 %, fewer than
    2,810 hold the truth once in 300 times."""
    dice, held = np.random.default_rng(6), 0
    for _ in range(3000):
        ratio = ratio_of_logs([*dice.normal(0.05, 0.02, 5), *dice.normal(0.05, 0.02 * longer, 8)])
        assert ratio.low is not None
        assert ratio.high is not None
        held += ratio.low <= np.exp(0.05) <= ratio.high
    assert 2810 <= held <= 2890
