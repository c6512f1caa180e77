"""What users are promised, in words and as numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scenario import Objective


@pytest.mark.parametrize(
    ("text", "limit_ms", "allowed"),
    [
        ("p99 < 250ms", 250.0, 0.01),
        ("p99.9<1s", 1000.0, 0.001),
        (" p50 <= 1.5ms ", 1.5, 0.5),
        ("errors < 0.1%", None, 0.001),
    ],
)
def test_an_objective_says_what_part_of_the_requests_may_break_it(
    text: str, limit_ms: float | None, allowed: float
) -> None:
    objective = Objective.parse(text)
    assert objective.limit_ms == limit_ms
    assert objective.allowed == pytest.approx(allowed)
    assert objective.text == text.strip()


@pytest.mark.parametrize(
    "text",
    ["", "p99", "p99 > 250ms", "p99 < 250", "p99 < 0ms", "p100 < 1s", "p0 < 1s", "errors < 0%", "errors < 100%",
     "errors < 1", "throughput < 5/s", "p99 < fast", "p99 < -1ms", "p٩٩ < 1s"],
)  # fmt: skip
def test_what_is_no_objective_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        Objective.parse(text)


@given(st.text(max_size=40))
def test_any_text_is_an_objective_or_is_refused(text: str) -> None:
    try:
        objective = Objective.parse(text)
    except ValueError:
        return
    assert 0 < objective.allowed < 1


@given(st.integers(1, 9999), st.integers(1, 60_000))
def test_an_objective_keeps_its_numbers(percent: int, limit_ms: int) -> None:
    objective = Objective.parse(f"p{percent / 100:g} < {limit_ms}ms")
    assert objective.allowed == pytest.approx(1 - percent / 10_000)
    assert objective.limit_ms == pytest.approx(limit_ms)
