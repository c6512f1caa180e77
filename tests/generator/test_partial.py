"""What requests under way amount to, on connections whose answers all take equally long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.generator.messages import PartSlice, ProcessResult
from harness.generator.partial import add_up_parts, count_all

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


def measured(undrained: int = 0, requests_per_s: float = 100.0, aged_s: float | None = 0.0) -> PartSlice:
    """A slice with a window of so many requests per second, each of ten bytes, and thirty answers in all."""
    window = ProcessResult.model_construct(
        requests_per_s=requests_per_s, bytes_per_s=10 * requests_per_s, aged_s=aged_s
    )
    return PartSlice.model_construct(window=window, lead_in_s=0.05, elapsed_s=0.25, answered=30, undrained=undrained)


def test_the_rates_from_idle_to_idle_are_those_of_all_answers() -> None:
    window = count_all(measured()).window
    assert [window.requests_per_s, window.bytes_per_s] == pytest.approx([120, 1200])


@pytest.mark.parametrize(
    "slice_",
    [measured(undrained=1), measured(aged_s=None), measured(requests_per_s=0.0)],
    ids=["gave up", "failed", "none"],
)
def test_what_was_not_all_answered_keeps_the_rates_of_its_window(slice_: PartSlice) -> None:
    assert count_all(slice_) == slice_
