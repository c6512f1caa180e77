"""The percentile chart: what its lines hold and what it says in words."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from harness.load.result import Errors, HealthWarning
from harness.report.load.chart import draw, write_chart
from tests.report.load.made import closed, opened

SERVICE_NS = np.arange(1, 10_001) * 10_000  # 10 µs to 100 ms
CLOSED = closed(SERVICE_NS)
OPEN = opened(SERVICE_NS * 3, service_ns=SERVICE_NS)


def words(drawn: Figure) -> str:
    """Everything that is written on the figure."""
    return "\n".join(text.get_text() for text in drawn.findobj(Text) if isinstance(text, Text))


def marks(drawn: Figure, line: int) -> list[tuple[float, float]]:
    """Where a line is marked: one request in how many, and milliseconds."""
    curve = drawn.axes[0].lines[line]
    points = np.column_stack([np.asarray(curve.get_xdata()), np.asarray(curve.get_ydata())])
    at = curve.get_markevery()
    assert isinstance(at, list)
    return [(float(x), float(y)) for x, y in points[at]]


def test_a_closed_loop_is_one_line_from_the_quickest_to_the_slowest() -> None:
    drawn = draw(CLOSED)
    (line,) = drawn.axes[0].lines
    rarity, ms = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    assert (rarity[0], rarity[-1]) == (1, 10_000)
    assert (ms[0], ms[-1]) == pytest.approx((0.01, 100), rel=1e-3)
    assert (np.diff(rarity) >= 0).all()


def test_percentiles_are_marked_where_the_axis_names_them() -> None:
    drawn = draw(OPEN)
    expected = [(2, 50), (10, 90), (100, 99), (1000, 99.9), (10_000, 99.99), (10_000, 100)]
    for line, times in [(0, 3), (1, 1)]:
        for (rarity, ms), (x, y) in zip(marks(drawn, line), expected, strict=True):
            assert (rarity, ms) == pytest.approx((x, y * times), rel=2e-3)
    assert [label.get_text() for label in drawn.axes[0].get_xticklabels()] == [
        "50 %", "90 %", "99 %", "99.9 %", "99.99 %",
    ]  # fmt: skip


def test_an_open_loop_has_two_lines_that_differ_without_colour() -> None:
    response, service = draw(OPEN).axes[0].lines
    assert response.get_linestyle() != service.get_linestyle()
    assert response.get_marker() != service.get_marker()
    assert "response time, since due: p50 150 ms, p99 297 ms, p99.99 300 ms, max 300 ms" in str(response.get_label())
    assert "service time, since sent: p50 50.0 ms, p99 99.0 ms" in str(service.get_label())


def test_the_title_says_what_was_offered() -> None:
    assert "http://127.0.0.1:8080/cart" in words(draw(CLOSED))
    assert "closed loop, 40 connections: 10,000 requests/s, 10,000 requests" in words(draw(CLOSED))
    assert "open loop, 10,000 requests/s offered (poisson): 10,000 requests/s achieved" in words(draw(OPEN))


def test_what_weakens_the_figures_is_written_below_them() -> None:
    doubt = HealthWarning(kind="busy", what="the loop was busy 97% of the time.", advice="Use more processes.")
    doubtful = OPEN.model_copy(
        update={"errors": Errors(timeout=12), "generator_bound": True, "doubts": [doubt]},
    )
    assert "12 requests timed out: drawn at the time they had waited, a lower bound." in words(draw(doubtful))
    assert "generator-bound: the loop was busy 97% of the time." in words(draw(doubtful))
    assert "timed out" not in words(draw(OPEN))
    assert "generator-bound" not in words(draw(OPEN))


def test_latencies_within_a_decade_are_drawn_on_a_linear_axis_from_zero() -> None:
    axes = draw(closed([1_200_000, 1_800_000])).axes[0]
    assert axes.get_yscale() == "linear"
    assert axes.get_ylim()[0] == 0
    assert draw(CLOSED).axes[0].get_yscale() == "log"


@pytest.mark.parametrize("latencies_ns", [[], [1_500_000]])
def test_hardly_any_requests_are_drawn_all_the_same(tmp_path: Path, latencies_ns: list[int]) -> None:
    write_chart(closed(latencies_ns), tmp_path / "chart.png")
    assert ("No request got a response" in words(draw(closed(latencies_ns)))) == (not latencies_ns)


def test_a_url_is_shown_as_it_is_or_cut(tmp_path: Path) -> None:
    write_chart(closed([1_500_000], url="http://h/?a=$x_1$&b=$y"), tmp_path / "chart.svg")
    assert "http://h/?a=$x_1$&amp;b=$y" in (tmp_path / "chart.svg").read_text(encoding="utf-8")
    long = draw(closed([1_500_000], url="http://h/" + "x" * 200)).get_suptitle()
    assert long.startswith("http://h/xxx")
    assert long.endswith("x…")
    assert len(long) < 80


@pytest.mark.parametrize(("suffix", "begins"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_the_suffix_decides_and_the_same_result_draws_the_same_bytes(
    tmp_path: Path, suffix: str, begins: bytes
) -> None:
    for name in ("one", "two"):
        write_chart(OPEN, tmp_path / f"{name}{suffix}")
    written = (tmp_path / f"one{suffix}").read_bytes()
    assert written.startswith(begins)
    assert written == (tmp_path / f"two{suffix}").read_bytes()


@pytest.mark.parametrize("name", ["chart.gif", "chart", "png"])
def test_other_suffixes_are_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"expected a file ending in \.png, \.svg or \.pdf, got '.*'"):
        write_chart(CLOSED, tmp_path / name)
    assert not list(tmp_path.iterdir())
