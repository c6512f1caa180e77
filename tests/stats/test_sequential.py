"""Looks: what they leave for each test, checked by simulation and against published bounds."""

import numpy as np
import pytest
from scipy import stats

from harness.stats.sequential import SINGLE_LOOK, InterimLooks, looks_until


def test_each_look_comes_after_two_thirds_of_the_blocks_of_the_next() -> None:
    assert looks_until(30).after == (5, 8, 13, 20, 30)
    assert looks_until(8).after == (5, 8)
    assert looks_until(7).after == (7,)
    assert looks_until(2).after == (2,)
    assert looks_until(1).after == (1,)
    assert len(looks_until(1000).after) == 13


def test_a_single_look_has_the_whole_level() -> None:
    assert SINGLE_LOOK.nominal_level(0.05, 2) == pytest.approx(0.05)
    assert SINGLE_LOOK.nominal_level(0.05, 30) == pytest.approx(0.05)
    assert looks_until(12).nominal_level(0.05, 4) == 0.0


def test_between_two_looks_the_level_is_that_of_the_one_before() -> None:
    looks = looks_until(30)
    assert looks.nominal_level(0.02, 15) == looks.nominal_level(0.02, 13)
    assert looks.nominal_level(0.02, 13) < looks.nominal_level(0.02, 20) < looks.nominal_level(0.02, 30) < 0.02


def test_five_even_looks_have_the_bounds_of_the_literature() -> None:
    """Kim-DeMets spending with exponent 3 at 5 % (Jennison and Turnbull 2000, table 7.2: power family)."""
    looks = InterimLooks((1, 2, 3, 4, 5))
    bounds = [float(stats.norm.isf(looks.nominal_level(0.05, n) / 2)) for n in looks.after]
    spent = [0.05 * (n / 5) ** 3 for n in looks.after]
    assert bounds[0] == pytest.approx(stats.norm.isf(spent[0] / 2))
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] < 2.15


@pytest.mark.parametrize(("level", "most"), [(0.05, 30), (0.02, 30), (0.0125, 12), (0.02, 100)])
def test_all_looks_together_err_as_often_as_the_level_says(level: float, most: int) -> None:
    """40,000 runs of nothing but noise."""
    looks = looks_until(most)
    sums = np.random.default_rng(most).standard_normal((40_000, most)).cumsum(axis=1)
    wrong = np.zeros(len(sums), dtype=bool)
    for n in looks.after:
        p_values = 2 * stats.norm.sf(np.abs(sums[:, n - 1]) / n**0.5)
        wrong |= p_values <= looks.nominal_level(level, n)
    assert wrong.mean() == pytest.approx(level, abs=4 * (level / 40_000) ** 0.5)
