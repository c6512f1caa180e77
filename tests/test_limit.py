"""The one language of limits: what is written is what is understood, for gates and for objectives."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scenario import Gate, Objective
from harness.scenario.threshold import Threshold

FIGURES = ["throughput", "p50", "p99.9", "cpu_per_request", "errors", "memory", "memory_growth", "ready", "body"]
UNITS = {"throughput": "/s", "errors": "%", "memory": "MB", "memory_growth": "kB", "ready": "s", "body": "kB"}


@given(
    st.sampled_from(FIGURES),
    st.sampled_from(["<", "<=", ">", ">="]),
    st.integers(0, 10**6),
    st.sampled_from(["", " ", "  "]),
)
def test_every_figure_is_limited_in_its_own_unit(figure: str, operator: str, number: int, space: str) -> None:
    limit = Threshold.parse(f"{figure}{space}{operator}{space}{number}{UNITS.get(figure, 'ms')}")
    scale = {"errors": 0.01, "memory": 1e6, "memory_growth": 1e3, "body": 1e3}.get(figure, 1)
    assert limit.value == pytest.approx(number * scale)
    assert (limit.figure, limit.request, limit.is_relative) == (figure, None, False)
    assert limit.is_upper is operator.startswith("<")


@given(st.sampled_from([each for each in FIGURES if each != "memory_growth"]), st.floats(-99, 1000))
def test_nearly_every_figure_is_limited_in_what_it_changes_by(figure: str, percent: float) -> None:
    limit = Threshold.parse(f"{figure} < {percent:+.4f}%")
    assert limit.is_relative
    assert limit.value == pytest.approx(percent / 100, abs=1e-6)


@given(st.integers(1, 999_999))
def test_any_percentile_between_none_and_all_is_a_figure(ten_thousandths: int) -> None:
    percent = ten_thousandths / 10_000
    limit = Threshold.parse(f"p{percent:.4f} < 1s")
    assert limit.percent == pytest.approx(percent)
    assert limit.figure == f"p{percent:g}"


@given(st.sampled_from(["GET", "POST"]), st.from_regex(r"/[!-~]*", fullmatch=True))
def test_a_figure_may_be_that_of_a_request_as_the_scenario_has_it(method: str, path: str) -> None:
    limit = Threshold.parse(f"p99[{method} {path}] < 1s")
    assert limit.request == f"{method} {path}"


@given(st.text(max_size=40))
def test_any_text_is_a_limit_or_is_refused(text: str) -> None:
    said = refusal(Threshold.parse, text)
    assert said is None or said.startswith("expected")


@given(
    st.sampled_from([*FIGURES, "p0", "p100", "speed"]),
    st.sampled_from(["<", ">"]),
    st.sampled_from(["1ms", "+1%", "3"]),
)
def test_a_gate_or_an_objective_is_nothing_but_a_limit(figure: str, operator: str, limit: str) -> None:
    text = f"{figure} {operator} {limit}"
    said = refusal(Threshold.parse, text)
    assert refusal(Gate.parse, text) == said
    assert said is None or refusal(Objective.parse, text) == said


def refusal(parse: Callable[[str], object], text: str) -> str | None:
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("memory < 1GB", "a percentile or of errors"),
        ("p99[GET /] < 1s", "of all requests"),
        ("p99 < +10%", "without another"),
        ("p99 > 1s", "with <"),
        ("p99 < 0ms", "a duration above 0"),
        ("errors < 100%", "some requests may break"),
    ],
)
def test_a_limit_that_is_no_objective_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Objective.parse(text)


def test_only_what_is_known_of_a_request_is_limited_for_one() -> None:
    with pytest.raises(ValueError, match=r"a limit of throughput, a percentile \(p50, p99.9\), errors for one request"):
        Threshold.parse("memory[GET /] < 1GB")
