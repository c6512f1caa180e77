"""The balance of a cluster: checked against what can be counted by hand, and by simulation."""

import numpy as np
import pytest

from harness.stats.imbalance import busiest_share, chance_of, estimate_imbalance


def test_all_connections_on_one_worker_of_two_is_beyond_chance_in_a_single_trial() -> None:
    found = estimate_imbalance([[20_000, 0]], connections=40)
    assert found is not None
    assert (found.busiest_share, found.fair_share) == (1.0, 0.5)
    assert found.p_value == pytest.approx(2 * 0.5**40)
    assert found.is_beyond_chance


def test_an_even_spread_is_not() -> None:
    found = estimate_imbalance([[500, 500, 500, 500]] * 5, connections=40)
    assert found is not None
    assert (found.busiest_share, found.fair_share, found.p_value) == (0.25, 0.25, 1.0)
    assert not found.is_beyond_chance


def test_the_probability_is_counted_right() -> None:
    """Of 16 ways to deal four connections to two workers, ten put three or more on one of them."""
    assert chance_of(0.75, workers=2, connections=4) == pytest.approx(10 / 16)
    assert chance_of(1.0, workers=2, connections=4) == pytest.approx(2 / 16)
    assert chance_of(0.5, workers=2, connections=4) == 1.0


@pytest.mark.parametrize("connections", [7, 40, 100, 1000])
def test_a_share_means_a_whole_number_of_connections_however_it_was_divided(connections: int) -> None:
    """7/25 of 100 is 28.000000000000004: not one connection more."""
    for busiest in range(connections // 3 + 1, connections + 1):
        exact = chance_of(busiest / connections, 3, connections)
        assert chance_of(np.nextafter(busiest / connections, 1.0), 3, connections) == exact
        assert chance_of((busiest + 0.3) / connections, 3, connections) == exact


def test_trials_that_agree_say_more_than_one_of_them() -> None:
    uneven = [640, 360]
    once, often = estimate_imbalance([uneven], connections=40), estimate_imbalance([uneven] * 6, connections=40)
    assert once is not None
    assert often is not None
    assert not once.is_beyond_chance
    assert often.is_beyond_chance


def test_more_than_chance_can_be_computed_for_is_still_beyond_chance() -> None:
    found = estimate_imbalance([[9_000_000, *[0] * 7]] * 3, connections=1000)
    assert found is not None
    assert 0 <= found.p_value < 1e-300


@pytest.mark.parametrize(("connections", "workers", "trials"), [(40, 2, 5), (40, 4, 5), (10, 3, 8), (4, 8, 10)])
def test_chance_is_called_beyond_chance_in_no_more_than_one_run_of_fifty(
    connections: int, workers: int, trials: int
) -> None:
    """Connections dealt at random; what each answers differs by a few per cent."""
    dice = np.random.default_rng(1)
    called = exceeded = 0
    for _ in range(200):
        dealt = dice.multinomial(connections, [1 / workers] * workers, size=trials)
        requests = np.rint(dealt * 500 * dice.normal(1, 0.02, dealt.shape)).astype(int).tolist()
        found = estimate_imbalance(requests, connections)
        assert found is not None
        called += found.is_beyond_chance
        exceeded += round(busiest_share(requests[0]) * connections) > round(found.chance_share * connections)
    assert called <= 4
    assert exceeded <= 20  # 5 % of 200 expected at the most


def test_the_share_to_expect_by_chance() -> None:
    """Of 40 connections, one of two workers gets more than 26 in 4 % of trials, more than 25 in 8 %."""
    found = estimate_imbalance([[1, 1]], connections=40)
    assert found is not None
    assert found.chance_share == pytest.approx(26 / 40)


def test_one_worker_has_everything_and_that_is_fair() -> None:
    found = estimate_imbalance([[100], [90]], connections=40)
    assert found is not None
    assert (found.busiest_share, found.fair_share, found.chance_share, found.p_value) == (1.0, 1.0, 1.0, 1.0)


def test_a_trial_without_requests_says_nothing() -> None:
    assert estimate_imbalance([], connections=40) is None
    assert estimate_imbalance([[0, 0]], connections=40) is None
    assert estimate_imbalance([[0, 0], [300, 100]], connections=40) == estimate_imbalance([[300, 100]], connections=40)


def test_with_more_workers_than_connections_most_are_idle_and_that_is_chance() -> None:
    found = estimate_imbalance([[50, 50, 50, 50, 0, 0, 0, 0]], connections=4)
    assert found is not None
    assert not found.is_beyond_chance
    assert found.busiest_share == 0.25


def test_trials_of_different_clusters_are_refused() -> None:
    with pytest.raises(ValueError, match="same number of workers"):
        estimate_imbalance([[1, 2], [1, 2, 3]], connections=40)
