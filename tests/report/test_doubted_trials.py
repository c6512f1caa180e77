"""Trials whose generator was late: drawn hollow, and not in the figure beside them."""

from pathlib import Path

import numpy as np
import pytest
from bokeh.models import ColumnDataSource

from harness.report.charts.pictures import throughput as drawn_throughput
from harness.report.html.charts import throughput as page_throughput
from harness.report.run_report import RunReport
from tests.changed_runs import Made, run_of

ROUNDS = 6


@pytest.mark.parametrize(("late_rounds", "counted"), [(0, ROUNDS), (2, ROUNDS - 2)])
def test_the_interval_is_of_the_trials_that_count(tmp_path: Path, late_rounds: int, counted: int) -> None:
    report = RunReport(run_of(tmp_path, Made(), rounds=ROUNDS, late_rounds=late_rounds))
    for summary in report.summaries:
        assert summary.requests_per_s is not None
        assert summary.requests_per_s.n == counted
        assert summary.requests_per_s.low is not None


def test_where_all_are_doubted_there_is_no_interval(tmp_path: Path) -> None:
    report = RunReport(run_of(tmp_path, Made(), rounds=ROUNDS, late_rounds=ROUNDS))
    found = [summary.requests_per_s for summary in report.summaries]
    assert [(each.n, each.low, each.high) for each in found if each] == [(ROUNDS, None, None)] * 2


def test_they_are_drawn_hollow_and_it_is_said(tmp_path: Path) -> None:
    report = RunReport(run_of(tmp_path, Made(), rounds=ROUNDS, late_rounds=2))
    drawn = drawn_throughput.draw(report)
    (axes,) = drawn.axes
    hollow = [len(np.asarray(line.get_xdata())) for line in axes.lines if line.get_markerfacecolor() == "none"]
    assert hollow == [2, 2]
    assert "hollow: the generator was late" in drawn.get_suptitle()
    chart = page_throughput.draw(report)
    sources = [each for each in chart.plot.references() if isinstance(each, ColumnDataSource)]
    fills = [list(each.data["fill"]) for each in sources if "fill" in each.data]
    assert [row.count(0.0) for row in fills] == [2, 2]
    assert "hollow" in chart.about
