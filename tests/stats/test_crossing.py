"""Where a share crosses what is allowed, against laws that are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.crossing import BadShare, find_crossing

ALLOWED = 0.01


def shares(rates: list[float], bad: list[int], requests: int = 1000) -> list[BadShare]:
    """Of so many requests each."""
    return [BadShare(rate, requests, count) for rate, count in zip(rates, bad, strict=True)]


def test_it_lies_between_the_last_rate_that_keeps_and_the_first_that_breaks() -> None:
    found = find_crossing(shares([80, 90, 100, 110], [0, 2, 50, 300]), ALLOWED)
    assert (found.kept, found.broken) == (90, 100)
    assert found.rate
    assert 90 < found.rate.value < 100


def test_the_line_is_drawn_on_square_roots() -> None:
    """√0.0025 and √0.0225 are 0.05 and 0.15, and √0.01 is half way."""
    found = find_crossing(shares([90, 100], [2500, 22_500], requests=1_000_000), ALLOWED)
    assert found.rate
    assert found.rate.value == pytest.approx(95, abs=0.01)


def test_what_falls_again_is_levelled() -> None:
    """50 and 0 of a thousand, in this order, are 25 of a thousand at both rates."""
    found = find_crossing(shares([80, 90, 100, 110], [0, 50, 0, 300]), ALLOWED)
    assert (found.kept, found.broken) == (80, 90)


@pytest.mark.parametrize(("bad", "kept", "broken"), [([0, 0, 0], 100, None), ([50, 60, 70], None, 80)])
def test_without_both_sides_there_is_no_crossing(bad: list[int], kept: float | None, broken: float | None) -> None:
    found = find_crossing(shares([80, 90, 100], bad), ALLOWED)
    assert (found.kept, found.broken, found.rate) == (kept, broken, None)


def test_a_few_probes_near_it_are_too_few_for_an_interval() -> None:
    found = find_crossing(shares([50, 95, 105, 200], [0, 1, 100, 900]), ALLOWED)
    assert found.rate
    assert found.rate.n == 2
    assert found.rate.low is None


def test_more_probes_make_it_narrower() -> None:
    dice = np.random.default_rng(1)

    def width(probes: int) -> float:
        rates = np.linspace(88, 112, probes)
        bad = dice.poisson(1000 * ALLOWED * np.exp((rates - 100) / 5) * dice.gamma(1, 1, probes))
        found = find_crossing(shares(rates.tolist(), bad.tolist()), ALLOWED)
        assert found.rate
        assert found.rate.low
        assert found.rate.high
        return found.rate.high - found.rate.low

    assert np.median([width(40) for _ in range(9)]) < np.median([width(10) for _ in range(9)])


def test_bursts_are_known_by_the_scatter_of_the_probes() -> None:
    """Bad requests come in bursts of 40 on average: the interval holds the truth all the same, 18 times in 20 at least
    of some 95 %, and a binomial one would not."""
    held = 0
    for seed in range(20):
        dice = np.random.default_rng(seed)
        rates = np.linspace(85, 115, 24)
        expected = 3000 * ALLOWED * np.exp((rates - 100) / 6)
        bad = [int(dice.geometric(1 / 40, dice.poisson(mean / 40)).sum()) for mean in expected]
        found = find_crossing(shares(rates.tolist(), np.minimum(bad, 3000).tolist(), requests=3000), ALLOWED)
        assert found.rate
        assert found.rate.low
        assert found.rate.high
        held += found.rate.low <= 100 <= found.rate.high
    assert held >= 17


@given(
    st.lists(st.tuples(st.floats(1, 1000), st.integers(1, 10_000), st.floats(0, 1)), min_size=1, max_size=12),
    st.floats(0.0001, 0.5),
)
def test_whatever_was_seen_the_crossing_is_among_the_rates(
    seen: list[tuple[float, int, float]], allowed: float
) -> None:
    probes = [BadShare(rate, requests, int(requests * part)) for rate, requests, part in seen]
    found = find_crossing(probes, allowed)
    assert found.kept is not None or found.broken is not None
    if found.rate:
        rates = [probe.rate_per_s for probe in probes]
        assert min(rates) * (1 - 1e-9) <= found.rate.value <= max(rates) * (1 + 1e-9)
        assert found.rate.low is None or found.rate.high is None or found.rate.low <= found.rate.high
