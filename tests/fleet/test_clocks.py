"""The offset of another clock is as near to the truth as it says."""

from hypothesis import given
from hypothesis import strategies as st

from harness.fleet.clocks import ClockOffset, most_bound_ns

DELAYS = st.integers(min_value=0, max_value=50_000_000)
OFFSETS = st.integers(min_value=-(10**15), max_value=10**15)


@given(OFFSETS, st.lists(st.tuples(st.integers(0, 10**12), DELAYS, DELAYS), min_size=1, max_size=20))
def test_the_truth_is_within_the_bound_however_unequal_the_ways(
    offset_ns: int, exchanges: list[tuple[int, int, int]]
) -> None:
    seen = [(sent, sent + there + offset_ns, sent + there + back) for sent, there, back in exchanges]
    found = ClockOffset.of(seen)
    assert abs(found.offset_ns - offset_ns) <= found.bound_ns


@given(OFFSETS, st.tuples(DELAYS, DELAYS), st.tuples(DELAYS, DELAYS))
def test_two_readings_of_one_clock_agree(offset_ns: int, first: tuple[int, int], second: tuple[int, int]) -> None:
    found = [ClockOffset.of([(0, there + offset_ns, there + back)]) for there, back in (first, second)]
    assert found[0].agrees_with(found[1], elapsed_s=0.0)


def test_a_clock_that_was_set_does_not_agree() -> None:
    before, after = ClockOffset(1_000, 500, 1_000), ClockOffset(5_000_000, 500, 1_000)
    assert not before.agrees_with(after, elapsed_s=1.0)
    assert before.agrees_with(after, elapsed_s=60.0)  # so much is a drift that quartzes may have


def test_the_quickest_exchange_is_believed() -> None:
    found = ClockOffset.of([(0, 10_000, 100_000), (200_000, 201_000, 202_000)])
    assert (found.offset_ns, found.bound_ns, found.round_trip_ns) == (0, 1_000, 2_000)


def test_long_windows_bear_more() -> None:
    assert most_bound_ns(1.0) == 2_000_000
    assert most_bound_ns(30.0) == 31_000_000
