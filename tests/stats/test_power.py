"""What a run could have seen."""

from typing import Final

import pytest

from harness.stats.power import POWER, _power, effect_size

LEVELS: Final = (1e-4, 0.001, 0.0125, 0.02, 0.05)


@pytest.mark.parametrize("level", LEVELS)
def test_the_smallest_effect_is_known_for_any_number_of_rounds(level: float) -> None:
    """Also where a few rounds and a strict level ask for an effect of many deviations."""
    sizes = [effect_size(n, level) for n in range(2, 60)]
    assert sizes == sorted(sizes, reverse=True)
    assert all(_power(size, n, level) == pytest.approx(POWER) for n, size in enumerate(sizes, start=2))
