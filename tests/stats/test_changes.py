"""Changes of a level: where they are found, and how seldom in mere noise."""

import numpy as np
import pytest
from scipy import stats

from harness.stats.changes import MIN_FIGURES, change_points, levels


def figures(*shifts: float, scatter: float = 0.02, seed: int = 1) -> list[float]:
    """Noise about these levels (logarithms)."""
    dice = np.random.default_rng(seed)
    return [float(value) for value in np.exp(np.array(shifts) + dice.normal(0, scatter, len(shifts)))]


@pytest.mark.parametrize(
    ("shifts", "expected"),
    [
        ([0.0] * 12, []),
        ([0.0] * 6 + [0.2] * 6, [6]),
        ([0.0] * 9 + [-0.2] * 3, [9]),
        ([0.0] * 8 + [0.2] * 8 + [0.5] * 8, [8, 16]),
        ([0.0] * 8 + [0.2] * 8 + [0.0] * 8, [8, 16]),
        ([0.0] * 5 + [0.3] * 4 + [0.0] * 4, [5, 9]),  # taken back soon
        ([0.0] * 5 + [0.3] * 5 + [0.0] * 5 + [0.3] * 5, [5, 10, 15]),
        ([0.0] * 6 + [0.5] + [0.0] * 6, []),  # one is an outlier
    ],
)
def test_the_first_figure_at_each_new_level_is_found(shifts: list[float], expected: list[int]) -> None:
    assert change_points(figures(*shifts)) == expected


def test_few_figures_say_nothing() -> None:
    steep = figures(*[0.0] * 3, *[1.0] * 3)
    assert change_points(steep) == [3]
    assert change_points(figures(*[0.0] * 2, *[1.0] * 2, *[0.0] * 2)) == [2, 4]
    assert change_points(steep[: MIN_FIGURES - 1]) == []
    assert change_points(steep[:1]) == []


def test_figures_without_scatter_change_where_they_differ() -> None:
    assert change_points([5.0] * 10) == []
    assert change_points([5.0] * 5 + [7.0] * 5) == [5]


def test_the_unit_makes_no_difference() -> None:
    noisy = figures(*[0.0] * 7, *[0.1] * 7, scatter=0.03)
    assert change_points(noisy) == change_points([figure * 1e6 for figure in noisy])


def test_levels_are_the_geometric_means_between_changes() -> None:
    assert levels([1.0, 4.0, 10.0, 1000.0], [2]) == pytest.approx([2.0, 100.0])
    assert levels([1.0, 4.0], []) == pytest.approx([2.0])


@pytest.mark.parametrize("n", [6, 12, 20])
def test_steady_noise_is_hardly_ever_said_to_change(n: int) -> None:
    """100 series: of a rate of 5 %, the bound is passed once in 500 times."""
    dice = np.random.default_rng(n)
    found = sum(bool(change_points(dice.lognormal(0, 0.05, n).tolist())) for _ in range(100))
    assert found <= stats.binom.isf(0.002, 100, 0.05)


def test_a_step_of_four_standard_deviations_is_nearly_always_found() -> None:
    """And once found, seldom more: 100 series of 14."""
    found = [change_points(figures(*[0.0] * 7, *[0.2] * 7, scatter=0.05, seed=seed)) for seed in range(100)]
    assert sum(bool(changes) for changes in found) >= 97
    assert sum(len(changes) == 1 and abs(changes[0] - 7) <= 1 for changes in found) >= 90
