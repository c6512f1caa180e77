"""What requests under way amount to, on connections whose answers all take equally long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.generator.partial import add_up_parts

TAKES_NS = 10_000


@given(
    phases_ns=st.lists(st.integers(0, TAKES_NS - 1), min_size=1, max_size=40),
    is_in_step=st.booleans(),
    window_ns=st.integers(2 * TAKES_NS, 9 * TAKES_NS),
)
def test_what_is_answered_and_under_way_is_what_the_time_is_enough_for(
    phases_ns: list[int], is_in_step: bool, window_ns: int
) -> None:
    """Connections in step have all had an answer just as the window begins."""
    ages_ns = [0] * len(phases_ns) if is_in_step else phases_ns
    answered = sum((age_ns + window_ns) // TAKES_NS for age_ns in ages_ns)
    before = add_up_parts(ages_ns, TAKES_NS)
    after = add_up_parts([(age_ns + window_ns) % TAKES_NS for age_ns in ages_ns], TAKES_NS)
    assert answered + after - before == pytest.approx(len(ages_ns) * window_ns / TAKES_NS)


def test_a_request_that_hangs_is_no_more_than_one() -> None:
    assert add_up_parts([1000 * TAKES_NS, TAKES_NS // 2], TAKES_NS) == 1.5
