"""The schedule of an open loop: where it is exact, and where it is random in the right way."""

import math
from itertools import accumulate, islice, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from harness.load.arrivals import MOST_DEALT, OWN_AT_A_TIME, _random_counts, arrival_times_ns, mean_rate_per_s
from harness.load.spec import Arrivals, Load, LoadShare, Stage
from harness.units import NS_PER_MS, NS_PER_S
from tests.generator.loads import short_load

LEAST_P = 0.01  # the level of the tests of randomness
SEEDS = range(20)
GAPS = 10_000

RATES = st.floats(0.5, 2000)
STAGES = st.lists(st.builds(Stage, duration_s=st.floats(0.05, 1.0), rate_per_s=st.just(0.0) | RATES), max_size=4)


def load_of(
    *stages: tuple[float, float],
    rate: float = 0.0,
    kind: str = "constant",
    duration_s: float = 10.0,
    warmup_s: float = 0.0,
    seed: int = 0,
) -> Load:
    """``stages`` are durations and rates; without them the rate is constant for ``duration_s``."""
    arrivals = {"kind": kind, "rate_per_s": rate, "stages": [{"duration_s": s, "rate_per_s": r} for s, r in stages]}
    duration_s = sum(duration for duration, _ in stages) or duration_s
    return short_load(80, arrivals=arrivals, duration_s=duration_s, warmup_s=warmup_s, seed=seed)


def shared(load: Load, index: int, of: int) -> Load:
    return load.model_copy(update={"share": LoadShare(index=index, of=of)})


def times_s(load: Load) -> NDArray[np.float64]:
    return np.fromiter(arrival_times_ns(load), dtype=np.int64) / NS_PER_S


@st.composite
def loads(draw: st.DrawFn) -> Load:
    """Any open loop of a few thousand requests."""
    stages, rate = draw(STAGES), draw(RATES)
    return short_load(
        80,
        arrivals=Arrivals(kind=draw(st.sampled_from(["constant", "poisson"])), rate_per_s=rate, stages=tuple(stages)),
        duration_s=sum(stage.duration_s for stage in stages) or draw(st.floats(0.05, 1.0)),
        warmup_s=draw(st.just(0.0) | st.floats(0.05, 0.5)),
        seed=draw(st.integers(0, 2**70)),
    )


def due_in_window(load: Load) -> int:
    return sum(time_ns >= round(load.warmup_s * NS_PER_S) for time_ns in arrival_times_ns(load))


def expected(load: Load, until_s: float) -> float:
    """How many requests are due until then, on the average, reckoned the plain way."""
    assert load.arrivals
    before, total, rate = 0.0, 0.0, load.arrivals.rate_per_s
    stages = load.arrivals.stages or (Stage(duration_s=load.duration_s, rate_per_s=rate),)
    for length_s, goal in [(load.warmup_s, rate), *((stage.duration_s, stage.rate_per_s) for stage in stages)]:
        passed_s = min(max(until_s - before, 0.0), length_s)
        if length_s:
            total += passed_s * (rate + (goal - rate) * passed_s / length_s / 2)
        before, rate = before + length_s, goal
    return total


def test_a_constant_rate_is_exact() -> None:
    assert list(arrival_times_ns(load_of(rate=100))) == [10 * NS_PER_MS * number for number in range(1000)]


def test_the_warm_up_is_a_part_of_the_schedule() -> None:
    load = load_of(rate=100, warmup_s=0.25, duration_s=0.5)
    assert list(arrival_times_ns(load)) == [10 * NS_PER_MS * number for number in range(75)]
    assert due_in_window(load) == 50


def test_a_third_of_a_nanosecond_is_rounded() -> None:
    assert list(arrival_times_ns(load_of(rate=3, duration_s=1))) == [0, 333_333_333, 666_666_667]


def test_less_than_one_request_in_the_window_is_one_at_its_beginning() -> None:
    assert list(arrival_times_ns(load_of(rate=0.01, duration_s=1))) == [0]


@pytest.mark.parametrize(("rate", "duration_s", "due"), [(0.1, 30, 3), (10, 0.7, 7), (100, 1.1, 110), (1000, 0.3, 300)])
def test_the_end_does_not_belong_to_the_window(rate: float, duration_s: float, due: int) -> None:
    assert due_in_window(load_of(rate=rate, duration_s=duration_s)) == due


def test_a_ramp_from_0_follows_the_root() -> None:
    times = list(arrival_times_ns(load_of((10, 100))))
    assert times == [round(math.sqrt(number / 5) * NS_PER_S) for number in range(500)]


def test_a_ramp_to_0_is_one_from_0_backwards() -> None:
    """Where n are left of 500, the time that is left is the one in which a ramp from 0 comes to n."""
    times = list(arrival_times_ns(load_of((10, 0), rate=100)))
    left = [10 * NS_PER_S - math.sqrt((500 - number) / 5) * NS_PER_S for number in range(500)]
    assert times == pytest.approx(left, abs=1)
    assert times[-1] < 10 * NS_PER_S


def test_a_ramp_begins_where_the_rate_was() -> None:
    """From 100 to 300 in 2 s: 400 requests, where 100 t + 50 t² is a whole number."""
    times = times_s(load_of((2, 300), rate=100))
    assert len(times) == 400
    assert 100 * times + 50 * times**2 == pytest.approx(np.arange(400), abs=1e-6)


def test_a_stretch_without_requests_has_none() -> None:
    """Up in 1 s, even for 1 s, down in 1 s, nothing for 2 s, and up again in 1 s."""
    times = times_s(load_of((1, 100), (1, 100), (1, 0), (2, 0), (1, 100)))
    counts = [int(np.count_nonzero((times >= second) & (times < second + 1))) for second in range(6)]
    assert counts == [50, 100, 50, 0, 0, 50]
    assert times[50:150] == pytest.approx(1 + np.arange(100) / 100)
    assert times[200] == 5.0


def test_a_load_that_begins_with_nothing_begins_later() -> None:
    times = times_s(load_of((1, 0), (1, 100), rate=0, warmup_s=0.5))
    assert times[0] == 1.5
    assert len(times) == 50


def test_a_closed_loop_has_no_schedule() -> None:
    for ask in (arrival_times_ns, mean_rate_per_s):
        with pytest.raises(ValueError, match="expected a load with arrivals"):
            ask(short_load(80))


def test_hours_at_a_million_a_second_keep_to_the_nanosecond() -> None:
    """The last arrivals of the last of 100,000 shares, so that there are few to go through."""
    load = shared(load_of((3600, 1e6), (3600, 0), rate=0), 99_999, 100_000)
    times = list(arrival_times_ns(load))
    assert len(times) == 36_000
    for number, time_ns in ((18_000, times[17_999]), (36_000, times[-1])):
        count = number * 100_000 - 1
        left = 3_600_000_000 - count  # exact, as is what follows: 3600 s * sqrt(2 * count / rise), up and down
        passed_s = math.sqrt(2 * 3600 * count / 1e6) if number == 18_000 else 7200 - math.sqrt(2 * 3600 * left / 1e6)
        assert time_ns == pytest.approx(passed_s * NS_PER_S, rel=0, abs=2)


def test_a_schedule_without_an_end_in_sight_begins_at_once() -> None:
    load = load_of(rate=1e6, duration_s=1e6)
    assert list(islice(arrival_times_ns(load), 3 * OWN_AT_A_TIME)) == list(range(0, 3 * OWN_AT_A_TIME * 1000, 1000))


@given(load=loads())
def test_times_ascend_and_end_with_the_window(load: Load) -> None:
    times = list(arrival_times_ns(load))
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert all(type(time_ns) is int for time_ns in times[:1])
    assert all(0 <= time_ns < round(load.warmup_s * NS_PER_S) + round(load.duration_s * NS_PER_S) for time_ns in times)


@given(load=loads())
def test_constant_arrivals_are_as_many_as_the_rate_says_at_any_time(load: Load) -> None:
    assert load.arrivals
    even = load.model_copy(update={"arrivals": load.arrivals.model_copy(update={"kind": "constant"})})
    times = times_s(even)
    for until_s in np.linspace(0, load.warmup_s + load.duration_s, 7):
        assert int(np.count_nonzero(times < until_s)) == pytest.approx(expected(load, float(until_s)), abs=1.01)


@given(load=loads(), of=st.integers(1, 9))
def test_all_shares_together_are_the_schedule(load: Load, of: int) -> None:
    shares = [list(arrival_times_ns(shared(load, index, of))) for index in range(of)]
    whole = list(arrival_times_ns(load))
    assert all(share == whole[index::of] for index, share in enumerate(shares))


@given(load=loads(), of=st.integers(1, 9))
def test_the_mean_rate_is_that_of_the_share_over_the_window(load: Load, of: int) -> None:
    end_s = load.warmup_s + load.duration_s
    due = expected(load, end_s) - expected(load, load.warmup_s)
    assert mean_rate_per_s(shared(load, 0, of)) == pytest.approx(due / load.duration_s / of, rel=1e-6, abs=1e-9)


def test_a_seed_is_a_schedule() -> None:
    schedules = [list(arrival_times_ns(load_of(rate=500, kind="poisson", seed=seed))) for seed in (1, 1, 2)]
    assert schedules[0] == schedules[1] != schedules[2]
    assert list(arrival_times_ns(load_of(rate=500, seed=1))) == list(arrival_times_ns(load_of(rate=500, seed=2)))


# Are Poisson arrivals random in the right way? ------------------------------------------------------------------


def gaps_s(seed: int, kind: str = "poisson") -> NDArray[np.float64]:
    """The first gaps of a schedule at 1,000/s."""
    load = load_of(rate=1000, kind=kind, duration_s=12, seed=seed)
    times_ns = np.fromiter(islice(arrival_times_ns(load), GAPS + 1), dtype=np.float64)
    gaps: NDArray[np.float64] = np.diff(times_ns / NS_PER_S)
    return gaps


def looks_exponential(gaps: NDArray[np.float64]) -> bool:
    """Anderson and Darling's test, with the mean estimated."""
    result = stats.anderson(gaps, "expon", method="interpolate")  # type: ignore[call-overload]  # misspelt in the stubs
    return bool(result.pvalue > LEAST_P)


def test_gaps_are_exponential() -> None:
    """At a level of 1 % a seed may be rejected by chance; of these 20 none is."""
    accepted = [seed for seed in SEEDS if looks_exponential(gaps_s(seed))]
    assert len(accepted) >= 18, f"accepted {len(accepted)} of {len(SEEDS)}"


def test_gaps_have_the_mean_of_the_rate() -> None:
    """Which that test does not look at: it is known to a hundredth, the deviation being that of the mean."""
    means = np.array([gaps_s(seed).mean() for seed in SEEDS])
    assert means == pytest.approx(0.001, rel=4 / math.sqrt(GAPS))
    assert means.mean() == pytest.approx(0.001, rel=4 / math.sqrt(GAPS * len(SEEDS)))


def test_gaps_do_not_depend_on_the_one_before() -> None:
    """Correlations of exponential gaps are normal with a deviation of 1 / sqrt(n)."""
    correlations = [np.corrcoef(gaps[:-1], gaps[1:])[0, 1] for gaps in map(gaps_s, SEEDS)]
    assert np.abs(correlations).max() < 4 / math.sqrt(GAPS)


def test_even_gaps_are_not_exponential() -> None:
    assert not looks_exponential(gaps_s(0, kind="constant"))


@pytest.mark.parametrize("of_gap", [0.1, 0.5, 0.9])
def test_jittered_gaps_are_not_exponential(of_gap: float) -> None:
    """Evenly spaced, and each time moved at random within a part of the gap: what is not Poisson, though random."""
    jitter = np.random.default_rng(0).uniform(0, of_gap, GAPS + 1)
    assert not looks_exponential(np.diff((np.arange(GAPS + 1) + jitter) / 1000))


def uniform_p(load: Load, rescaled_by: Load) -> float:
    """Kolmogorov and Smirnov's p that the arrivals are uniform in the number expected until each."""
    end_s = load.warmup_s + load.duration_s
    scale = expected(rescaled_by, end_s)
    places = [expected(rescaled_by, time) / scale for time in times_s(load).tolist()]
    return float(stats.kstest(places, "uniform").pvalue)


def test_a_poisson_ramp_follows_its_rate() -> None:
    ramps = [load_of((2, 1000), (1, 1000), (1, 0), (2, 400), rate=200, kind="poisson", seed=seed) for seed in SEEDS]
    accepted = [uniform_p(ramp, ramp) > LEAST_P for ramp in ramps]
    assert sum(accepted) >= 18, f"accepted {sum(accepted)} of {len(SEEDS)}"


def test_a_poisson_ramp_does_not_follow_another_rate() -> None:
    ramp = load_of((6, 1000), rate=200, kind="poisson")
    assert uniform_p(ramp, load_of((6, 1000), rate=300, kind="poisson")) < LEAST_P


def test_gaps_on_a_ramp_are_exponential_in_the_number_expected() -> None:
    def gaps(load: Load) -> NDArray[np.float64]:
        counts = [expected(load, time) for time in times_s(load).tolist()]
        return np.array([later - earlier for earlier, later in pairwise(counts)])

    ramps = [load_of((3, 2000), (3, 200), rate=0, kind="poisson", seed=seed) for seed in SEEDS]
    accepted = [looks_exponential(gaps(ramp)) for ramp in ramps]
    assert sum(accepted) >= 18, f"accepted {sum(accepted)} of {len(SEEDS)}"
    assert not looks_exponential(np.diff(times_s(ramps[0])))


def test_counts_vary_as_they_should() -> None:
    """The number in a window has a variance as large as its mean; its index of dispersion is a chi-square."""
    counts = np.array([due_in_window(load_of(rate=200, kind="poisson", duration_s=1, seed=s)) for s in range(200)])
    dispersion = float(((counts - counts.mean()) ** 2).sum() / counts.mean())
    assert LEAST_P / 2 < stats.chi2(len(counts) - 1).cdf(dispersion) < 1 - LEAST_P / 2


def test_a_share_of_poisson_arrivals_is_more_even_than_they_are() -> None:
    """Every fourth of them has gaps that are sums of four: it is all shares together that are Poisson."""
    load = load_of(rate=4000, kind="poisson", duration_s=4)
    quarter = np.diff(times_s(shared(load, 0, 4)))
    assert not looks_exponential(quarter)
    assert quarter.std() / quarter.mean() == pytest.approx(1 / 2, rel=0.1)


@pytest.mark.parametrize("of", [65, 400])
def test_many_shares_together_are_poisson(of: int) -> None:
    load = load_of(rate=4000, kind="poisson", duration_s=3, seed=3)
    every = np.sort(np.concatenate([times_s(shared(load, index, of)) for index in range(of)]))
    assert looks_exponential(np.diff(every))
    assert every.size == pytest.approx(12_000, abs=4 * math.sqrt(12_000))


def test_a_share_of_many_draws_no_more_than_it_sends() -> None:
    """And in one of few, the gaps of all: a time that grows with them."""
    for of in (MOST_DEALT + 1, 1600):
        draws = _random_counts(shared(load_of(rate=4000, kind="poisson"), of - 1, of))
        assert next(draws).size == OWN_AT_A_TIME
        assert np.mean(np.diff(next(draws))) == pytest.approx(of, rel=0.2)


def test_the_sums_are_those_of_the_generator() -> None:
    """As documented: anybody can make the same schedule again from the seed."""
    draws = np.random.default_rng(7).standard_exponential(3000).tolist()
    times = list(arrival_times_ns(load_of(rate=250, kind="poisson", duration_s=8, seed=7)))
    again = [round(total / 250 * NS_PER_S) for total in accumulate(draws)]
    assert times == [time_ns for time_ns in again if time_ns < 8 * NS_PER_S]
