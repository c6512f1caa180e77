"""What each chart shows, computed once for the pictures and the page."""

from collections.abc import Sequence
from dataclasses import replace
from math import isnan
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from harness.load.latency import LatencyHistogram
from harness.load.result import Errors, Second
from harness.load.spec import Arrivals
from harness.record import Run, TrialRecord
from harness.report.charts import chart_names
from harness.report.charts.capacity import capacity_data, has_probes
from harness.report.charts.latency import latency_data
from harness.report.charts.percentiles import percentile_line, percentile_scale
from harness.report.charts.pictures import CHARTS
from harness.report.charts.pictures.style import RC, house_style, save
from harness.report.charts.speedup import has_speedup, speedup_data
from harness.report.charts.style import MAX_MARKS, axis_end, line_style, thinning_factor
from harness.report.charts.sweep import sweep_data
from harness.report.charts.throughput import throughput_data
from harness.report.charts.timeline import MAX_LINES, timeline_data
from harness.report.charts.workers import GROUP_WIDTH, workers_data
from harness.report.run_report import RunReport
from harness.scenario import Objective, Scenario
from tests.changed_runs import Made, run_of
from tests.made_runs import made_run, offered, open_record, record, scenario_of, topology

RAW = topology("raw", baseline=True)
ONE = topology("cluster-1", workers=1)
FOUR = topology("cluster-4", workers=4)


def records(errors: Errors | None = None) -> list[TrialRecord]:
    """Three rounds of three topologies."""
    return [
        record(block, each, rate + block, errors=errors)
        for block in (1, 2, 3)
        for each, rate in ((RAW, 100), (ONE, 110), (FOUR, 300))
    ]


@pytest.fixture
def report(tmp_path: Path) -> RunReport:
    return RunReport(made_run(tmp_path, scenario_of([RAW, ONE, FOUR], 3), records()))


def repeated(report: RunReport, times: int) -> RunReport:
    """The same with every trial so many times."""
    summaries = report.measured_summaries
    report.measured_summaries = [replace(summary, trials=summary.trials * times) for summary in summaries]
    return report


def test_an_axis_shows_the_ends_of_intervals_unless_they_dwarf_the_values() -> None:
    assert axis_end([1.0, 2.0], [3.0, None]) == pytest.approx(1.15 * 3)
    assert axis_end([1.0, 2.0], [100.0]) == pytest.approx(1.15 * 4)
    assert axis_end([], []) == pytest.approx(1.15)


@pytest.mark.parametrize(("marks", "factor"), [(0, 1), (10, 1), (11, 2), (20, 2), (21, 3)])
def test_no_more_is_drawn_than_may_be(marks: int, factor: int) -> None:
    assert thinning_factor(marks, 10) == factor
    assert len(range(0, marks, factor)) <= 10


def test_throughput_is_a_mark_a_trial_and_a_mean(report: RunReport) -> None:
    data = throughput_data(report)
    assert [each.topology for each in data.topologies] == ["raw", "cluster-1", "cluster-4"]
    assert [each.style for each in data.topologies] == [line_style(0), line_style(1), line_style(2)]
    raw = data.topologies[0]
    assert [(mark.trial.good_per_s, mark.shift) for mark in raw.marks] == [(101, -1), (102, 0), (103, 1)]
    assert raw.mean == report.summaries[0].requests_per_s
    assert (data.one_in, data.has_intervals, data.has_doubted) == (1, True, False)
    assert data.axis_end >= 1.15 * 303


def test_trials_that_are_doubted_are_marked_so(tmp_path: Path) -> None:
    data = throughput_data(RunReport(run_of(tmp_path, Made(), rounds=6, late_rounds=2)))
    assert data.has_doubted
    for each in data.topologies:
        assert [mark.is_sound for mark in each.marks] == [False] * 2 + [True] * 4


def test_of_thousands_of_trials_some_are_marks(report: RunReport) -> None:
    data = throughput_data(repeated(report, 1000))
    assert data.one_in == 5
    assert sum(len(each.marks) for each in data.topologies) <= MAX_MARKS
    assert data.topologies[0].mean == report.summaries[0].requests_per_s


def test_speedup_is_a_line_for_each_family_and_the_baseline_is_1(report: RunReport) -> None:
    data = speedup_data(report)
    raw, cluster = data.families
    assert [(point.workers, point.ratio, point.low, point.high) for point in raw.points] == [(1, 1.0, 1.0, 1.0)]
    assert (raw.is_line, cluster.is_line) == (False, True)
    assert [point.topology for point in cluster.points] == ["cluster-1", "cluster-4"]
    one, four = cluster.points
    assert one.low < one.ratio < one.high < four.low < four.ratio < four.high
    assert (data.counts, data.workers_range, data.ratio_label) == ((1, 4), (0.7, 4.3), "requests/s ÷ those of raw")
    assert (data.cores, data.shows_cores) == (8, False)


def test_an_open_loop_has_no_speedup(report: RunReport, tmp_path: Path) -> None:
    scenario = scenario_of([RAW], 1)
    arrivals = Arrivals(kind="constant", rate_per_s=500.0)
    scenario = scenario.model_copy(update={"load": scenario.load.model_copy(update={"arrivals": arrivals})})
    run = RunReport(made_run(tmp_path / "open", scenario, [open_record(1, RAW, offered(500))]))
    assert has_speedup(report)
    assert not has_speedup(run)
    assert chart_names(run) == [name for name in CHARTS if name not in ("grid", "sweep", "speedup")]


def test_latency_is_a_line_as_far_as_there_are_requests(report: RunReport) -> None:
    data = latency_data(report)
    assert [each.line.requests for each in data.topologies] == [306, 336, 906]
    assert data.scale.requests == 906
    assert list(data.scale.ticks.values()) == ["50 %", "90 %", "99 %"]
    assert [data.scale.low_ms, data.scale.high_ms] == pytest.approx([1, 2], rel=0.01)
    assert not data.scale.is_logarithmic
    assert data.timeout_ms is None


def test_a_timeout_is_shown_where_requests_ran_into_it(tmp_path: Path) -> None:
    run = made_run(tmp_path, scenario_of([RAW, ONE, FOUR], 3), records(Errors(timeout=2)))
    data = latency_data(RunReport(run))
    assert data.timeout_ms == 2000
    assert data.scale.high_ms >= 2000
    assert data.scale.is_logarithmic


SWEPT = scenario_of([each.over(connections) for connections in (8, 1) for each in (RAW, FOUR)], 3)


@pytest.mark.parametrize(
    ("scenario", "lines"),
    [
        (SWEPT, ["raw", "cluster-4"]),
        (SWEPT.with_malloc("both"), ["raw", "raw (keep malloc)", "cluster-4", "cluster-4 (keep malloc)"]),
        (
            SWEPT.on_two_commits(Path("/base"), Path("/head")),
            ["raw (base)", "raw (head)", "cluster-4 (base)", "cluster-4 (head)"],
        ),
    ],
)
def test_a_sweep_of_pairs_has_a_line_for_each_of_the_two(tmp_path: Path, scenario: Scenario, lines: list[str]) -> None:
    rates = {each.name: 100.0 * number for number, each in enumerate(scenario.topologies, start=1)}
    made = [record(block, each, rates[each.name]) for block in (1, 2, 3) for each in scenario.topologies]
    data = sweep_data(RunReport(made_run(tmp_path, scenario, made)))
    assert [line.topology for line in data.lines] == lines
    assert [[point.connections for point in line.points] for line in data.lines] == [[1, 8]] * len(lines)
    shown = {point.requests_per_s.value for line in data.lines for point in line.points}
    assert sorted(shown) == pytest.approx(sorted(rates.values()))


def test_axes_without_a_line_are_of_one_request() -> None:
    scale = percentile_scale([])
    assert (scale.requests, scale.max_rarity, scale.ticks, scale.is_logarithmic) == (1, 2, {}, False)


def test_the_last_point_of_a_line_is_the_slowest_request() -> None:
    histogram = LatencyHistogram()
    histogram.record(np.array([1_000_000] * 99 + [5_000_000]))
    line = percentile_line(histogram)
    assert line.requests == 100
    assert line.latency_ms[0] == pytest.approx(1, rel=0.01)
    assert line.latency_ms[line.marked[-1]] == pytest.approx(5, rel=0.01)


def with_series(made: TrialRecord, seconds: Sequence[tuple[float, float, float | None]]) -> TrialRecord:
    """The trial with these rows: their ends (s), requests/s, and p99 (ms)."""
    assert made.load is not None
    row = made.load.series[0]
    series: list[Second] = [
        row.model_copy(update={"end_s": end_s, "requests_per_s": rate, "p99_ms": p99_ms})
        for end_s, rate, p99_ms in seconds
    ]
    return made.model_copy(update={"load": made.load.model_copy(update={"series": series})})


def test_the_timeline_has_gaps_and_its_median_goes_as_far_as_all_trials(tmp_path: Path) -> None:
    rows = [(1.0, 100.0, 5.0), (2.0, 90.0, None), (2.1, 1.0, 1.0)]  # the last one is too short
    trials = [with_series(record(1, RAW, 100), rows), with_series(record(2, RAW, 100), [(1.0, 80.0, 7.0)])]
    run = made_run(tmp_path, scenario_of([RAW], 2), []).model_copy(update={"records": trials})
    data = timeline_data(RunReport(run))
    (rate,), (p99,) = data.rate.topologies, data.p99.topologies
    assert [curve.times_s for curve in rate.trials] == [[0.5, 1.5], [0.5]]
    assert [curve.values for curve in rate.trials] == [[100.0, 90.0], [80.0]]
    assert isnan(p99.trials[0].values[1])
    assert (rate.bold.times_s, rate.bold.values, p99.bold.values) == ([0.5], [90.0], [6.0])
    assert (data.rate.label, data.p99.label) == ("requests/s", "p99 latency, ms")


def test_of_hundreds_of_trials_some_are_lines(report: RunReport) -> None:
    data = timeline_data(repeated(report, 100))
    assert data.one_in == 5
    assert sum(len(each.trials) for each in data.rate.topologies) <= MAX_LINES


def test_workers_are_bars_beside_each_other_the_busiest_first(tmp_path: Path) -> None:
    made = record(1, FOUR, 300)
    assert made.usage is not None
    processes = [
        process.model_copy(update={"user_s": user_s, "ended": user_s == 0.1})
        for process, user_s in zip(made.usage.processes, (0.2, 0.9, 0.1, 0.4), strict=True)
    ]
    made = made.model_copy(update={"usage": made.usage.model_copy(update={"processes": processes})})
    run = made_run(tmp_path, scenario_of([RAW, FOUR], 1), [record(1, RAW, 100), made])
    data = workers_data(RunReport(run))
    raw, four = data.cpu.topologies
    assert [bar.rank for bar in four.bars] == [0, 1, 2, 3]
    assert [bar.mean for bar in four.bars] == pytest.approx([0.9, 0.4, 0.2, 0.1])
    assert [dot for bar in four.bars for dot in bar.dots] == pytest.approx([0.9, 0.4, 0.2, 0.1])
    assert [bar.offset for bar in four.bars] == pytest.approx([-0.3, -0.1, 0.1, 0.3])
    assert [bar.offset for bar in raw.bars] == pytest.approx([0])
    assert sum(bar.width for bar in four.bars) < GROUP_WIDTH
    assert data.cpu.highest == pytest.approx(0.9)
    assert [len(each.bars) for each in data.memory.topologies] == [1, 3]  # one process had ended
    assert (data.cpu.label, data.memory.label) == ("CPU, cores", "resident memory, MiB")


def probed(tmp_path: Path, *objectives: str) -> Run:
    """A search that offered two rates to one of two topologies, whose responses take from 1 to 2 ms."""
    probes = [
        open_record(block, ONE, offered(rate)).model_copy(update={"rate_per_s": float(rate)})
        for block, rate in ((2, 100), (3, 200))
    ]
    run = made_run(tmp_path, scenario_of([RAW, ONE], 3), [record(1, RAW, 100), record(1, ONE, 100), *probes])
    info = run.info.model_copy(update={"objectives": list(map(Objective.parse, objectives))})
    return run.model_copy(update={"info": info})


def test_capacity_is_a_mark_a_probe_in_the_looks_of_the_other_charts(tmp_path: Path) -> None:
    report = RunReport(probed(tmp_path, "errors < 1%", "p95 < 1.5ms"))
    data = capacity_data(report)
    assert has_probes(report)
    (each,) = data.topologies
    assert (data.percent, data.limits_ms) == (95, (("p95 < 1.5ms", 1.5),))
    assert (each.topology, each.style, each.is_measured) == ("cluster-1", line_style(1), True)
    assert [(mark.rate_per_s, mark.is_kept) for mark in each.marks] == [(100, False), (200, False)]
    assert [mark.latency_ms for mark in each.marks] == pytest.approx([1.95, 1.95], rel=0.01)


def test_a_comparison_has_no_probes(report: RunReport) -> None:
    assert not has_probes(report)
    assert capacity_data(report).topologies == ()


def test_both_files_of_a_picture_have_one_layout(report: RunReport, tmp_path: Path) -> None:
    with house_style():
        save(CHARTS["workers"](report), tmp_path / "workers")
    with Image.open(tmp_path / "workers.png") as picture:
        inches = [pixels / RC["figure.dpi"] for pixels in picture.size]
    svg = ElementTree.parse(tmp_path / "workers.svg").getroot()
    assert [float(svg.attrib[side].removesuffix("pt")) / 72 for side in ("width", "height")] == pytest.approx(
        inches, abs=0.01
    )
