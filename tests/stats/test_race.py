"""Races: who is dropped, how often wrongly, and what leads."""

from math import log

import numpy as np
import pytest

from bench.validity.racing import MARGIN, NOISES, TRUTHS, run_races
from harness.stats.race import LEVEL, MIN_ROUNDS, ONE_LOOK, Race, race, spend_once

LOOKS = range(MIN_ROUNDS, 11)


def raced(
    speeds: dict[str, float], scatter: float = 0.01, allowance: float = 0.02, rounds: int = 10, barred: str = ""
) -> Race:
    """The race of candidates of these speeds over so many rounds; ``barred`` must not lead."""
    dice = np.random.default_rng(4)
    logs = {
        name: dict(enumerate((log(speed) + dice.normal(0, scatter, rounds)).tolist(), start=1))
        for name, speed in speeds.items()
    }
    return race(logs, LOOKS, lambda candidate, leader: allowance, lambda name, after: name != barred)


def test_who_is_far_behind_goes_first_and_who_is_as_good_stays() -> None:
    found = raced({"best": 1.0, "near": 0.99, "behind": 0.9, "far": 0.5})
    assert found.leader == "best"
    assert [each.candidate for each in found.dropped] == ["far", "behind"]
    assert found.dropped[0].after_round == MIN_ROUNDS
    assert found.dropped[0].after_round < found.dropped[1].after_round
    assert [each.candidate for each in found.others] == ["near"]
    assert found.dropped[0].ratio.value == pytest.approx(0.5, rel=0.05)
    assert found.dropped[0].p_value <= found.dropped[0].level


def test_two_rounds_drop_nobody_whatever_they_show() -> None:
    logs = {"best": {1: 0.0, 2: 0.0}, "far": {1: -1.0, 2: -1.0}}
    found = race(logs, range(1, 3), lambda candidate, leader: 0.0, lambda name, after: True)
    assert found == Race(None, (), ())


def test_what_a_candidate_may_lack_is_not_held_against_it() -> None:
    assert [each.candidate for each in raced({"best": 1.0, "other": 0.9}).dropped] == ["other"]
    assert not raced({"best": 1.0, "other": 0.9}, allowance=0.12).dropped


def test_who_must_not_lead_drops_nobody() -> None:
    """The fastest fails requests: the others are held against the next."""
    found = raced({"failing": 2.0, "best": 1.0, "behind": 0.8}, barred="failing")
    assert found.leader == "best"
    assert [each.candidate for each in found.dropped] == ["behind"]
    assert "failing" in [each.candidate for each in found.others]


def test_rounds_that_one_of_two_lacks_do_not_count() -> None:
    logs = {"best": dict.fromkeys(range(1, 11), 0.0), "lacking": {1: -1.0, 9: -1.0}}
    assert not race(logs, LOOKS, lambda candidate, leader: 0.0, lambda name, after: True).dropped


def test_nobody_leads_by_having_missed_the_slow_rounds() -> None:
    """The machine slows down: who has the first rounds alone is faster on average, and behind in each of them."""
    drift = {at: -0.1 * at for at in range(1, 11)}
    logs = {
        "best": drift,
        "early": {at: drift[at] - 0.05 for at in range(1, 5)},
        "late": {at: drift[at] - 0.01 for at in range(4, 11)},
    }
    found = race(logs, [10], lambda candidate, leader: 0.0, lambda name, after: True)
    assert found.leader == "best"
    assert "early" in [each.candidate for each in found.dropped]


def test_who_is_alone_leads() -> None:
    assert race({"only": {1: 0.0, 2: 0.1, 3: 0.0}, "failed": {}}, [3], lambda *_: 0.0, lambda *_: True).leader == "only"


def test_later_looks_are_stricter_and_all_together_keep_the_level() -> None:
    found = raced({"best": 1.0, "near": 0.995, "other": 0.99}, allowance=0.5)
    assert {each.level for each in found.others} == {LEVEL / (8 * 9) / 2}
    assert sum(1 / (look * (look + 1)) for look in range(1, 10_000)) < 1


@pytest.mark.parametrize("noise", NOISES)
def test_looked_at_once_the_best_is_hardly_ever_called_behind(noise: str) -> None:
    """Of 12 that are all the same, after seven rounds: at 5 % at most, more than 15 of 150 once in 200 times."""
    dice = np.random.default_rng(5)
    behind = 0
    for _ in range(150):
        figures = NOISES[noise](dice, (7, 12))
        logs = {str(cell): dict(enumerate(figures[:, cell].tolist(), start=1)) for cell in range(12)}
        found = race(logs, [7], lambda candidate, leader: 0.0, lambda name, after: True, spend_once)
        behind += "0" in {each.candidate for each in found.dropped}
    assert behind <= 15


def test_one_look_has_all_of_the_level() -> None:
    logs = {name: {1: 0.0, 2: 0.01, 3: 0.0} for name in ("best", "near", "other")}
    found = race(logs, [3], lambda candidate, leader: 0.5, lambda name, after: True, spend_once)
    assert {each.level for each in found.others} == {ONE_LOOK / 2}


def test_an_equal_candidate_is_one_within_the_margin() -> None:
    near, far = raced({"best": 1.0, "near": 0.999}).others, raced({"best": 1.0, "other": 0.97}, allowance=1).others
    assert near[0].is_within(0.02)
    assert not far[0].is_within(0.02)
    assert raced({"best": 1.0, "near": 0.999}).is_over(0.02)
    assert not raced({"best": 1.0, "near": 0.999}, scatter=0.2).is_over(0.02)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("truth", ["all the same", "two cores"])
def test_the_best_is_hardly_ever_dropped(noise: str, truth: str) -> None:
    """Of 200 races without any allowance, at 2 % at most: more than nine once in 200 times."""
    found = list(run_races(TRUTHS[truth], NOISES[noise], 0.0, 200, seed=8))
    assert sum(each.dropped_best for each in found) <= 9


def test_nor_is_it_where_a_third_of_the_trials_fail_and_it_is_found_all_the_same() -> None:
    found = list(run_races(TRUTHS["two cores"], NOISES["normal"], MARGIN, 100, seed=8, failing=0.3))
    assert sum(each.dropped_best for each in found) <= 6
    assert sum(each.is_right for each in found) >= 97


def test_a_grid_is_found_with_half_of_the_trials() -> None:
    found = list(run_races(TRUTHS["two cores"], NOISES["normal"], MARGIN, 100, seed=9))
    assert np.mean([each.spared for each in found]) >= 0.5
    assert sum(each.is_right for each in found) >= sum(each.would_be_right for each in found) - 1
