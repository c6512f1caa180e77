"""Two modes of launches are found where they are, and told only with evidence of what they cost."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pytest

from harness.stats.modes import LEVEL, find_modes

CHEAP: Final = (1.00, 1.01, 0.99, 1.005, 0.995, 1.012, 0.988)
DEAR: Final = (1.05, 1.06, 1.04)
FEW: Final = (2.0, 1.4, 2.6, 1.9, 2.2, 1.1, 2.9)
MANY: Final = (20.0, 20.4, 19.7)


def test_two_modes_are_found_with_what_they_cost() -> None:
    found = find_modes([*MANY, *FEW], [*DEAR, *CHEAP])
    assert found is not None
    assert (found.dear, found.launches) == ((0, 1, 2), 10)
    assert (found.low, found.high) == (2.0, 20.0)
    assert found.cost_ratio == pytest.approx(1.05, abs=0.001)
    assert found.p_value == pytest.approx(1 / 120)  # one of the choices of three out of ten
    assert found.scatter == pytest.approx(float(np.log([*DEAR, *CHEAP]).std(ddof=1)))
    assert found.scatter_within == pytest.approx(0.0095, abs=0.001)


def test_launches_of_a_mode_need_not_lie_together() -> None:
    found = find_modes([2, 80, 2, 79, 3, 2, 81, 3], [1.0, 1.2, 1.01, 1.1, 1.02, 1.03, 1.15, 1.04])
    assert found is not None
    assert found.dear == (1, 3, 6)


def test_a_third_mode_belongs_to_the_nearer_two() -> None:
    """Of 2, 20 and 60 page faults."""
    found = find_modes([2, 2.1, 2.2, 1.9, 20, 20.5, 60], [1.0, 1.01, 0.99, 1.0, 1.05, 1.04, 1.11])
    assert found is not None
    assert found.dear == (4, 5, 6)


@pytest.mark.parametrize(
    "figures",
    [
        [*[0.0] * 5, *[0.9] * 5],  # less than one apart
        [*[44.0] * 5, *[60.0] * 5],  # less than a half more
        [1.0, 1.7, 2.7, 4.2, 6.5, 12.0, 18.0, 27.0, 39.0, 56.0],  # a continuum
        [2.0] * 24 + [20.0],  # one outlier
        [2.0] + [20.0] * 24,
        [0.0] * 10,
        [2.0] * 10,
    ],
)
def test_what_are_no_two_clusters_are_no_modes(figures: Sequence[float]) -> None:
    assert find_modes(figures, np.linspace(1.0, 1.5, len(figures)).tolist()) is None


@pytest.mark.parametrize("number", range(4))
def test_too_few_launches_are_no_modes(number: int) -> None:
    assert find_modes([2.0, 20.0, 2.0][:number], [1.0, 2.0, 1.0][:number]) is None
    assert (
        find_modes([2.0, 20.0, 2.0, 20.0], [1.0, 2.0, 1.0, 2.0]) is None
    )  # clusters, of which chance explains the cost


def test_modes_that_cost_nothing_are_not_told() -> None:
    assert find_modes([*MANY, *FEW], [1.0, 1.01, 0.99, *CHEAP]) is None
    assert find_modes([*MANY, *FEW], [*(1 / cost for cost in DEAR), *CHEAP]) is None  # those with more faults cost less


def test_chance_shows_a_cost_no_oftener_than_the_level_says() -> None:
    """Launches whose cost has nothing to do with their page faults, and outliers as launches have them."""
    random = np.random.default_rng(1)
    runs = 1000
    told = 0
    for _ in range(runs):
        costs = np.exp(0.01 * random.standard_t(3, 12))
        figures = np.where(np.arange(12) < random.integers(3, 9), 20.0, 2.0) + random.normal(0, 0.3, 12)
        told += find_modes(figures.tolist(), costs.tolist()) is not None
    assert told <= LEVEL * runs + 2 * (LEVEL * (1 - LEVEL) * runs) ** 0.5


def test_modes_as_they_were_measured_are_named() -> None:
    """Of a server whose launches scatter by 1 % within a mode, which costs 5 %."""
    random, named, launches = np.random.default_rng(2), 0, 0
    for _ in range(100):
        is_dear = random.permutation(np.arange(12) < 4)
        figures = np.where(is_dear, random.normal(80, 1, 12), random.normal(44, 1, 12))
        found = find_modes(figures.tolist(), np.exp(0.05 * is_dear + 0.01 * random.normal(size=12)).tolist())
        dear = set(found.dear) if found else set()
        named += sum((place in dear) == is_dear[place] for place in range(12))
        launches += 12
    assert named >= 11 / 12 * launches
