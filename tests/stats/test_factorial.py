"""The effects of the axes of a grid, and whether they add up."""

from itertools import product

import numpy as np
import numpy.typing as npt
import pytest

from harness.stats.factorial import Factorial, fit_effects

LEVELS = list(product(range(3), range(2)))  # of a first factor of three levels, and of a second of two
FIRST, SECOND = np.array([0.0, 0.5, 0.8]), np.array([0.0, -0.2])


def figures(
    dice: np.random.Generator, rounds: int = 8, scatter: float = 0.02, extra: float = 0.0
) -> npt.NDArray[np.float64]:
    """Rounds that drift, of effects that add up but for ``extra`` in the last cell."""
    means = np.array([FIRST[a] + SECOND[b] for a, b in LEVELS])
    means[-1] += extra
    return means + dice.normal(0, 0.3, (rounds, 1)) + dice.normal(0, scatter, (rounds, len(LEVELS)))


def fitted(logs: npt.NDArray[np.float64]) -> Factorial:
    """What is found, if anything is."""
    found = fit_effects(logs, LEVELS)
    assert found is not None
    return found


def test_effects_that_add_up_are_found_and_said_to() -> None:
    found = fitted(figures(np.random.default_rng(1)))
    first, second = found.effects
    assert [each.value for each in first] == pytest.approx(np.exp(FIRST[1:]), rel=0.03)
    assert [each.value for each in second] == pytest.approx(np.exp(SECOND[1:]), rel=0.03)
    assert found.p_interaction is not None
    assert found.p_interaction > 0.05
    assert max(np.abs(found.departures)) < 0.03


def test_a_cell_that_does_not_fit_is_found() -> None:
    found = fitted(figures(np.random.default_rng(1), extra=0.3))
    assert found.p_interaction is not None
    assert found.p_interaction < 1e-6
    assert found.departures[-1] == pytest.approx(
        0.1, abs=0.02
    )  # of 0.3, the average of its row and of its column have the rest
    assert found.departures[-1] == pytest.approx(max(np.abs(found.departures)))


def test_rounds_and_cells_may_be_missing() -> None:
    """A round of one cell tells nothing, and a cell that was left out has no figure at all."""
    logs = figures(np.random.default_rng(2), rounds=10)
    logs[6:, [0, 3]] = np.nan
    logs[9, 1:] = np.nan
    found = fitted(logs)
    assert [each.value for each in found.effects[0]] == pytest.approx(np.exp(FIRST[1:]), rel=0.05)
    without = [at for at, level in enumerate(LEVELS) if level != (2, 1)]
    part = fit_effects(logs[:, without], [LEVELS[at] for at in without])
    assert part is not None
    assert [each.value for each in part.effects[1]] == pytest.approx(np.exp(SECOND[1:]), rel=0.05)


def test_a_cell_without_any_figure_departs_from_nothing() -> None:
    logs = figures(np.random.default_rng(6), extra=0.3)
    logs[:, 1] = np.nan
    found = fitted(logs)
    assert np.isnan(found.departures[1])
    assert np.nanargmax(np.abs(found.departures)) == 5
    assert np.nansum(found.departures) == pytest.approx(0.0)


def test_a_value_that_was_measured_in_no_common_round_has_no_effect() -> None:
    logs = figures(np.random.default_rng(3))
    logs[:, [4, 5]] = np.nan
    assert fit_effects(logs, LEVELS) is None
    assert fit_effects(logs[:1], LEVELS) is None  # nothing is left for the scatter


def test_one_factor_has_nothing_to_interact_with() -> None:
    found = fit_effects(figures(np.random.default_rng(4))[:, [0, 2, 4]], [[0], [1], [2]])
    assert found is not None
    assert found.p_interaction is None


def test_intervals_and_the_test_keep_their_level() -> None:
    """Of 2,000 runs, between 1,870 and 1,930 intervals hold the truth, and 70 to 130 call an interaction that is none
    one, but for once in a thousand times; also of cells of which one scatters three times as much."""
    dice, held, called = np.random.default_rng(5), 0, 0
    for _ in range(2000):
        found = fitted(figures(dice, rounds=5))
        effect = found.effects[0][0]
        assert effect.low is not None
        assert effect.high is not None
        assert found.p_interaction is not None
        held += effect.low <= np.exp(FIRST[1]) <= effect.high
        called += found.p_interaction <= 0.05
    assert 1870 <= held <= 1930
    assert 70 <= called <= 130
