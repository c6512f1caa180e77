"""Changes drawn in text."""

import pytest

from harness.analysis.metric_rows import MetricComparison
from harness.analysis.metrics import P99
from harness.report.intervals import MAX_LINES, draw_changes
from harness.stats.estimate import Estimate
from harness.stats.verdict import Verdict


def row(value: float, low: float | None, high: float | None, verdict: Verdict = Verdict.WORSE) -> MetricComparison:
    """P99 of one topology, and how it changed."""
    before, after = (Estimate(figure, None, None, 8, "made") for figure in (10.0, 10.0 * value))
    return MetricComparison("raw", "base", P99, before, after, Estimate(value, low, high, 8, "made"), verdict)


@pytest.mark.parametrize(
    ("changes", "ends", "bars"),
    [
        pytest.param([(1.05, 1.02, 1.08)], "−10% +10%", ["············│·├───●───┤···"[:25]], id="to one side"),
        pytest.param(
            [(1.02, 0.99, 1.045), (0.97, None, None)],
            "−5% +5%",
            ["··········├─┼────●─────┤·", "·····●······│············"],
            id="over no change, and without an interval",
        ),
        pytest.param([(0.3, 0.2, 0.4)], "−100% +100%", ["··├─●┤······│············"], id="to the other side"),
        pytest.param(
            [(3.0, 2.5, 3.5), (1.1, 0.7, 1.6)],
            "−20% +20%",
            ["············│···········›", "‹───────────┼─────●─────›"],
            id="beyond what is drawn",
        ),
        pytest.param([(1.0, 1.0, 1.0)], "−5% +5%", ["············●············"], id="nothing at all"),
    ],
)
def test_a_change_stands_between_the_ends_of_its_interval(
    changes: list[tuple[float, float | None, float | None]], ends: str, bars: list[str]
) -> None:
    axis, *lines = draw_changes([row(*change) for change in changes]).splitlines()
    assert axis.replace(" 0 ", " ").split() == ends.split()
    assert [line.rpartition("  ")[2] for line in lines] == bars
    assert {line.index(bar) + 12 for line, bar in zip(lines, bars, strict=True)} == {axis.index(" 0 ") + 1}


def test_what_got_worse_comes_first_and_each_verdict_has_its_mark() -> None:
    verdicts = [Verdict.EQUIVALENT, Verdict.INCONCLUSIVE, Verdict.BETTER, Verdict.WORSE]
    lines = draw_changes([row(1.0, 0.9, 1.1, verdict) for verdict in verdicts]).splitlines()
    assert [line[0] for line in lines[1:]] == ["-", "+", "!", " "]


def test_there_are_no_more_lines_than_a_screen_has() -> None:
    lines = draw_changes([row(1.0, 0.9, 1.1)] * (MAX_LINES + 3)).splitlines()
    assert len(lines) == 1 + MAX_LINES + 1
    assert lines[-1] == "  … and 3 more"


def test_of_nothing_there_is_no_picture() -> None:
    assert draw_changes([]) == ""
