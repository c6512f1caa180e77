"""The simulations that say how often verdicts are right: a few of each, so that they would show a gross mistake.

``make validity`` makes thousands.
"""

import statistics

import numpy as np
import pytest
from scipy import stats

from bench.validity.checks import DIFFERENT, SLOWER_BY_20
from bench.validity.comparisons import MOST_BLOCKS, coverage, share, simulated
from bench.validity.estimators import METHODS, mean_t
from bench.validity.planned import LONG, SHORT, Time, simulated_planned
from bench.validity.sliced import SLICED, Rotations, SlicedWorld, whole_rounds
from bench.validity.worlds import METRICS, SCATTER, WORLDS, World
from harness.stats.verdict import Verdict

RUNS = 20
each_sliced = pytest.mark.parametrize("sliced", SLICED.values(), ids=list(SLICED))
each_world = pytest.mark.parametrize("world", WORLDS.values(), ids=list(WORLDS))


@each_world
def test_a_world_without_a_difference_has_none_and_scatters_as_it_says(world: World) -> None:
    dice = np.random.default_rng(1)
    differences = np.concatenate([world(dice, MOST_BLOCKS).metrics for _ in range(100)])
    assert differences.shape == (100 * MOST_BLOCKS, len(METRICS))
    assert np.all(np.abs(differences.mean(axis=0)) < 4 * differences.std(axis=0) / len(differences) ** 0.5)
    if world not in (WORLDS["recorded"], WORLDS["shared"]):
        assert differences[:, 0].std() == pytest.approx(SCATTER, rel=0.15)


@each_world
def test_no_difference_is_seldom_called_one(world: World) -> None:
    """2 % are promised: of 60, five or more would then be called once in a hundred times. Of 95 % that are to hold the
    truth, fewer than 52 would once in four hundred."""
    outcomes = simulated(world, 0.0, 3 * RUNS, seed=1)
    assert all(share(outcomes, metric, *DIFFERENT) * len(outcomes) < 5 for metric in METRICS)
    assert coverage(outcomes, "throughput") * len(outcomes) >= 52


@each_world
def test_a_fifth_slower_is_seen_and_soon(world: World) -> None:
    outcomes = simulated(world, SLOWER_BY_20, RUNS, seed=3)
    assert share(outcomes, "throughput", Verdict.WORSE) >= 0.85
    if world is not WORLDS["recorded"]:
        assert statistics.median(outcome.blocks for outcome in outcomes) <= MOST_BLOCKS / 2


@each_sliced
def test_sliced_rounds_without_a_difference_have_none(sliced: SlicedWorld) -> None:
    dice = np.random.default_rng(1)
    differences = np.concatenate([whole_rounds(sliced)(dice, MOST_BLOCKS).metrics for _ in range(100)])
    assert differences.shape == (100 * MOST_BLOCKS, len(METRICS))
    assert np.all(np.abs(differences.mean(axis=0)) < 4 * differences.std(axis=0) / len(differences) ** 0.5)


@each_sliced
def test_launches_that_differ_are_seldom_called_a_difference(sliced: SlicedWorld) -> None:
    outcomes = simulated(whole_rounds(sliced), 0.0, RUNS, seed=1)
    assert all(share(outcomes, metric, *DIFFERENT) * RUNS < 3 for metric in METRICS)
    assert coverage(outcomes, "throughput") * RUNS >= 16


def test_longer_rounds_take_noise_out_but_no_launches() -> None:
    def scatter(name: str, rotations: int) -> float:
        made = SLICED[name](np.random.default_rng(2), 500, rotations)
        return float(made.differences([rotations] * 500).metrics[:, 0].std())

    assert scatter("quiet, memory kept", 40) < 0.8 * scatter("quiet, memory kept", 4)
    assert scatter("launches half slow", 40) > 0.95 * scatter("launches half slow", 4)


def test_the_requests_of_a_round_add_up() -> None:
    """Of two slices with 1 and 3 requests and the baseline's with 2 and 2: neither server is better, though the mean of
    the log-ratios says so. Further rotations, which the round does not have, do not count."""
    rates = np.array([[[2, 1], [2, 3], [9, 1]]], dtype=np.float64)
    found = Rotations(np.log(rates)[..., None])
    assert found.differences([2]).metrics == pytest.approx(0.0)
    assert found.ratios[0, :2].mean() == pytest.approx(np.log(3 / 4) / 2)


@pytest.mark.parametrize("time", [LONG, SHORT])
def test_a_planned_number_of_rotations_makes_no_difference_of_none(time: Time) -> None:
    outcomes = simulated_planned(SLICED["launches half slow"], 0.0, RUNS, seed=1, time=time)
    assert all(share(outcomes, metric, *DIFFERENT) * RUNS < 3 for metric in METRICS)
    assert coverage(outcomes, "throughput") * RUNS >= 16
    most = max(outcome.blocks for outcome in outcomes)
    assert most <= time.most_rounds
    assert time is SHORT or most > MOST_BLOCKS  # shorter rounds, and more of them


@pytest.mark.parametrize("name", METHODS)
def test_each_method_keeps_its_level_with_normal_noise(name: str) -> None:
    """2,000 comparisons of 13 rounds."""
    found = METHODS[name](np.random.default_rng(4).normal(0, 0.03, (2000, 13)))
    assert np.mean(found.p <= 0.05) <= 0.065
    assert 0.93 <= np.mean((found.low <= 0) & (found.high >= 0)) <= 0.985


def test_methods_are_those_of_the_library() -> None:
    rounds = np.random.default_rng(5).normal(0.01, 0.02, (3, 9))
    pairs = list(rounds)
    assert mean_t(rounds).p == pytest.approx([stats.ttest_1samp(each, 0).pvalue for each in pairs])
    assert METHODS["Hodges-Lehmann"](rounds).p == pytest.approx([stats.wilcoxon(each).pvalue for each in pairs])
    signs = [stats.binomtest(int(np.sum(each > 0)), 9).pvalue for each in pairs]
    assert METHODS["median"](rounds).p == pytest.approx(signs)
    turned = [stats.permutation_test((each,), np.mean, permutation_type="samples").pvalue for each in pairs]
    assert METHODS["permutation"](rounds).p == pytest.approx(turned)
