"""The turns of several loads: whose they are, and that the clock of a loop stands still between its own."""

import time
from itertools import islice
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.generator.clock import LoopClock
from harness.generator.messages import Turns
from harness.generator.turns import iter_turns

LENGTH_NS: Final = 5_000_000
GAP_NS: Final = 300_000


def turns(of: int = 2, seed: str = "1") -> Turns:
    return Turns(length_ns=LENGTH_NS, gap_ns=GAP_NS, of=of, seed=seed)


@given(st.integers(1, 6), st.text(max_size=9), st.integers(0, 10**15), st.integers(1, 20))
def test_each_has_one_turn_in_every_cycle_and_nobody_else_has_it(
    of: int, seed: str, begin_ns: int, cycles: int
) -> None:
    made = list(islice(iter_turns(turns(of, seed), begin_ns), of * cycles))
    assert [turn.begin_ns for turn in made] == [begin_ns + number * LENGTH_NS for number in range(of * cycles)]
    assert {turn.end_ns - turn.begin_ns for turn in made} == {LENGTH_NS - GAP_NS}
    for first in range(0, len(made), of):
        assert {turn.place for turn in made[first : first + of]} == set(range(of))
    assert made == list(islice(iter_turns(turns(of, seed), begin_ns), of * cycles))


def test_the_order_is_drawn_anew_in_every_cycle() -> None:
    firsts = {turn.place for turn in islice(iter_turns(turns(), 0), 0, 50, 2)}
    assert firsts == {0, 1}


@given(
    st.lists(
        st.tuples(st.integers(0, 10**9), st.integers(1, 10**9), st.integers(-(10**6), 10**9)), min_size=1, max_size=9
    )
)
def test_for_a_loop_time_passes_in_its_turns_alone(gaps_ns: list[tuple[int, int, int]]) -> None:
    """However late it wakes up, or even sleeps through a turn: the server had its turn nevertheless."""
    with pytest.MonkeyPatch.context() as patch:
        now_ns = 10**9
        patch.setattr(time, "monotonic_ns", lambda: now_ns)
        clock = LoopClock()
        assert clock.now_ns() == now_ns
        clock.stop()
        began_ns = passed_ns = clock.now_ns()
        for gap_ns, length_ns, late_ns in gaps_ns:
            begin_ns = now_ns + gap_ns
            now_ns = begin_ns + max(0, late_ns)
            clock.go_on(begin_ns, begin_ns + length_ns)
            assert clock.now_ns() == passed_ns + min(max(0, late_ns), length_ns)
            assert clock.on_system_ns(passed_ns) == begin_ns
            passed_ns += length_ns
            assert clock.stops_ns == passed_ns
            now_ns = max(now_ns, begin_ns + length_ns)
            assert clock.now_ns() == passed_ns
        assert passed_ns - began_ns == sum(length_ns for _, length_ns, _ in gaps_ns)
        clock.run_free()
        assert clock.now_ns() >= passed_ns
