"""The growth of a level: what it is, and how sure that is."""

import numpy as np
import pytest

from harness.stats.growth import BLOCKS, MIN_PER_BLOCK, estimate_growth

SECONDS = np.arange(600.0)


def test_a_line_is_found_exactly() -> None:
    found = estimate_growth(SECONDS, 5 + 0.25 * SECONDS)
    assert found is not None
    assert found.value == pytest.approx(0.25)
    assert found.low == pytest.approx(0.25)


def test_too_few_readings_tell_nothing() -> None:
    few = SECONDS[: BLOCKS * MIN_PER_BLOCK - 1]
    assert estimate_growth(few, few) is None


@pytest.mark.parametrize("kind", ["walk", "noise"])
def test_the_interval_holds_the_truth_for_a_level_that_wanders_or_scatters(kind: str) -> None:
    """Of 500, 460 at the least: fewer once in a thousand times. A straight line's interval would hold it in a fifth of
    the walks."""
    dice, held = np.random.default_rng(2), 0
    for _ in range(500):
        steps = dice.normal(0, 1, len(SECONDS))
        found = estimate_growth(SECONDS, 0.1 * SECONDS + (np.cumsum(steps) if kind == "walk" else 5 * steps))
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.1 <= found.high
    assert held >= 460
