"""An outlier is told where one value is not of the others' kind, and hardly ever where chance explains it."""

from typing import Final

import numpy as np
import pytest

from harness.stats.outlier import find_outlier

RUNS: Final = 4000
LEVEL: Final = 0.01


@pytest.mark.parametrize("n", [5, 8, 15, 30])
def test_of_normal_samples_one_is_named_at_the_level(n: int) -> None:
    dice = np.random.default_rng(n)
    told = np.mean([find_outlier(dice.normal(size=n).tolist(), LEVEL) is not None for _ in range(RUNS)])
    assert LEVEL / 2 < told < 1.5 * LEVEL  # the limit is one of Bonferroni, and nearly exact


@pytest.mark.parametrize("by", [-8.0, 8.0])
def test_a_value_far_from_all_others_is_named(by: float) -> None:
    values = np.random.default_rng(1).normal(size=12)
    values[7] += by
    assert find_outlier(values.tolist(), LEVEL) == 7


def test_of_values_that_are_equal_another_one_is_named() -> None:
    assert find_outlier([2.0] * 5, LEVEL) is None
    assert find_outlier([2.0, 2.0, 2.1, 2.0, 2.0], LEVEL) == 2


def test_of_four_none_is_named() -> None:
    assert find_outlier([1.0, 1.01, 0.99, 50.0], LEVEL) is None
