"""What a grid's report says: the heat maps, the best cell, the effects, and who got no more rounds."""

import re
from collections.abc import Mapping
from dataclasses import replace
from math import nan
from pathlib import Path

import numpy as np
import pytest

from harness.analysis.metrics import P99, THROUGHPUT, Metric
from harness.analysis.run import RunAnalysis
from harness.load.result import Errors
from harness.report.charts.heat_map import SHADES, grid_maps
from harness.report.charts.pictures import heat_map
from harness.report.charts.pictures.style import house_style
from harness.report.grid import dropped_text, dropped_texts, grid_texts
from harness.report.headline import render_headline
from harness.report.html.page import render_html
from harness.report.machine import RunDocument, render_json
from harness.report.markdown import render_markdown
from harness.report.run_report import RunReport
from harness.scenario import Topology
from harness.scenario.grid import Cell
from tests.made_runs import made_run, record, scenario_of, topology

WORKERS, THREADS = (1, 2, 4), (1, 8)


def cell(workers: int, threads: int) -> Topology:
    """A topology of the grid."""
    return Topology(
        name=f"shop-{workers}x{threads}",
        family=f"shop-Nx{threads}",
        cell=Cell(grid="shop-{workers}x{threads}", values={"workers": workers, "threads": threads}),
        command=("x", "{port}"),
        workers=workers,
        baseline=(workers, threads) == (1, 1),
    )


SPEEDS = {(1, 1): 100.0, (2, 1): 190.0, (4, 1): 200.0, (1, 8): 150.0, (2, 8): 285.0, (4, 8): 300.0}


def analysed(
    tmp_path: Path,
    speeds: Mapping[tuple[int, int], float] = SPEEDS,
    rounds: int = 8,
    race: str = "off",
    failing: tuple[int, int] | None = None,
) -> RunReport:
    """A run of cells with these speeds, which scatter by a percent; of one of them a tenth of the requests fail."""
    cells = [cell(workers, threads) for workers, threads in speeds]
    dice = np.random.default_rng(5)
    records = [
        record(
            block,
            each,
            10 * speed * float(np.exp(dice.normal(0, 0.01))),
            errors=Errors(status=round(speed)) if place == failing else None,
        )
        for block in range(1, rounds + 1)
        for each, (place, speed) in zip(cells, speeds.items(), strict=True)
    ]
    scenario = scenario_of(cells, rounds).model_copy(update={"race": race})
    return RunReport(made_run(tmp_path, scenario, records))


def said(report: RunAnalysis) -> str:
    """All sentences on its only grid."""
    (grid,) = report.grids
    return "\n".join(grid_texts(report, grid))


def test_effects_that_add_up_are_told_with_the_best_cell_and_what_it_needs(tmp_path: Path) -> None:
    text = said(analysed(tmp_path))
    assert "Best: `shop-4x8`, with " in text
    assert " on 2.00 cores and 128.0 MiB" in text
    assert "`workers` 2: 1.9" in text
    assert "`threads` 8: 1.5" in text
    assert "The effects add up, as far as this run can tell (F test, p = " in text


def test_a_cell_as_good_as_the_best_is_named_and_one_behind_is_not(tmp_path: Path) -> None:
    """Four workers have to bring ten per cent more than two to be worth them."""
    text = said(analysed(tmp_path))
    assert "Not shown to be behind it: `shop-2x8` (0.9" in text
    assert "shop-1x8" not in text


def test_effects_that_do_not_add_up_are_told_with_the_cell(tmp_path: Path) -> None:
    text = said(analysed(tmp_path, SPEEDS | {(4, 8): 120.0}))
    assert "**The effects do not add up** (F test, p < 0.0001): `shop-4x1` has 36 % more than they add up to." in text


@pytest.mark.parametrize(
    ("metric", "apart", "text"),
    [
        (THROUGHPUT, -0.3, "has 26 % less"),
        (P99, 0.3, "is 35 % faster (p99)"),
        (P99, -0.3, "is 35 % slower (p99)"),
    ],
)
def test_a_cell_that_departs_is_told_in_words_of_the_metric(
    tmp_path: Path, metric: Metric, apart: float, text: str
) -> None:
    """The logarithm is greater where it is better whatever the metric. A cell without a figure departs from nothing."""
    report = analysed(tmp_path, SPEEDS | {(4, 8): 120.0})
    (grid,) = report.grids
    assert grid.effects is not None
    effects = replace(grid.effects, departures=(nan, 0.0, 0.1, apart, 0.0, 0.0))
    texts = grid_texts(report, replace(grid, metric=metric, effects=effects))
    assert f": `shop-1x8` {text} than they add up to." in "\n".join(texts)


def test_the_best_is_not_said_of_all_where_a_cell_has_too_few_sound_rounds(tmp_path: Path) -> None:
    run = analysed(tmp_path).run
    few = [each for each in run.records if each.topology != "shop-4x8" or each.block <= 2]
    text = said(RunReport(run.model_copy(update={"records": few})))
    assert "Best of those that can be told: `shop-2x8`" in text
    assert "fewer than three of their rounds have sound figures: `shop-4x8` (2,9" in text


def test_a_cell_that_fails_requests_is_no_best(tmp_path: Path) -> None:
    assert "Best: `shop-2x8`" in said(analysed(tmp_path, failing=(4, 8)))


def test_maps_have_a_place_for_each_combination_and_shade_what_is_better_darker(tmp_path: Path) -> None:
    """The scenario leaves one out."""
    speeds = {place: speed for place, speed in SPEEDS.items() if place != (4, 1)}
    (maps,) = grid_maps(analysed(tmp_path, speeds))
    assert (maps.across, maps.columns, maps.down, maps.rows) == ("workers", ("1", "2", "4"), "threads", ("1", "8"))
    rate, *_, memory, _ = maps.maps
    assert [each.title for each in maps.maps] == ["requests/s", "p50", "p99", "CPU/request", "memory", "cores busy"]
    assert rate.cells[0][2].text == ""
    assert rate.cells[0][2].shade is None
    assert [each.shade for each in rate.cells[1]] == [3, 8, 8]
    assert (rate.cells[0][0].shade, rate.cells[1][2].is_best, rate.cells[1][1].is_near_best) == (0, True, True)
    assert [each.shade for each in memory.cells[1]] == [SHADES, 4, 0]
    assert [each.mark for each in rate.cells[1]] == ["▲", "▲", "▲"]
    assert rate.cells[0][0].mark == ""


def test_cells_that_hardly_differ_are_hardly_shaded(tmp_path: Path) -> None:
    (maps,) = grid_maps(analysed(tmp_path, dict.fromkeys(SPEEDS, 100.0)))
    assert {each.shade for row in maps.maps[0].cells for each in row} <= {7, 8}


def test_who_was_dropped_is_told_with_the_evidence_and_does_not_keep_the_answer_open(tmp_path: Path) -> None:
    report = analysed(tmp_path, race="on")
    assert "shop-1x1" not in report.dropped, "the baseline stays"
    assert {"shop-2x1", "shop-1x8", "shop-4x1"} == set(report.dropped)
    assert all(" of `shop-" in text and "(p = " in text for text in dropped_texts(report))
    assert dropped_text(report).startswith("Shown to be behind, and without further rounds: after round ")
    assert "Run `shop-2x8`" in render_headline(report)


def test_every_form_has_the_grid(tmp_path: Path) -> None:
    report = analysed(tmp_path, race="on")
    text = render_markdown(report)
    assert "## Grid shop-{workers}x{threads}" in text
    assert "| requests/s: threads ↓ workers → | 1 | 2 | 4 |" in text
    assert "## Without further rounds" in text
    page = render_html(report)
    assert page.count('<table class="heat">') == 6
    assert "heat-8 best" in page
    document = RunDocument.model_validate_json(render_json(report))
    (grid,) = document.grids
    assert (grid.best, [each.topology for each in grid.near_best]) == ("shop-4x8", ["shop-2x8"])
    assert grid.axes == {"workers": [1, 2, 4], "threads": [1, 8]}
    assert [(each.axis, each.value, each.beside) for each in grid.effects] == [
        ("workers", 2, 1),
        ("workers", 4, 1),
        ("threads", 8, 1),
    ]
    assert {each.topology for each in document.dropped} == set(report.dropped)


def test_a_run_without_grid_has_none_of_it(tmp_path: Path) -> None:
    """Nor has one of a single axis, which the speed-up shows."""
    report = analysed(tmp_path, {place: speed for place, speed in SPEEDS.items() if place[1] == 1})
    assert not report.grids
    assert "Grid" not in render_markdown(report)


@pytest.mark.parametrize("rounds", [1, 2])
def test_few_rounds_say_what_they_can_not(tmp_path: Path, rounds: int) -> None:
    text = said(analysed(tmp_path, rounds=rounds))
    assert "The best cell is not known: it takes three rounds with sound figures to tell." in text


def test_where_every_cell_fails_requests_none_is_best(tmp_path: Path) -> None:
    """The baseline, which fails none, is of no grid."""
    raw, cells = topology("raw", baseline=True), [cell(*place).with_name("x") for place in SPEEDS]
    named = [each.model_copy(update={"name": each.family + str(each.workers)}) for each in cells]
    records = [
        record(block, each, 100, errors=None if each is raw else Errors(status=20))
        for block in range(1, 6)
        for each in (raw, *named)
    ]
    text = said(RunReport(made_run(tmp_path, scenario_of([raw, *named], 5), records)))
    assert "The best cell is not known: more requests fail of every cell" in text


def test_a_sweep_is_compared_with_the_baseline_over_any_number_of_connections(tmp_path: Path) -> None:
    cells = [each.over(number) for number in (8, 64) for each in map(cell, (1, 1, 2, 2), (1, 8, 1, 8))]
    made = [record(block, each, 100) for block in (1, 2, 3) for each in cells]
    text = render_markdown(RunReport(made_run(tmp_path, scenario_of(cells, 3), made)))
    assert text.count("▲ better than `shop-1x1`, ") == 2


def test_the_price_of_a_supervisor_is_told_beside_the_baseline_over_as_many_connections(tmp_path: Path) -> None:
    topologies = [topology("raw", baseline=True), *(topology(f"c-{n}", workers=n) for n in (1, 2))]
    swept = [each.over(number) for number in (8, 64) for each in topologies]
    made = [record(block, each, 100) for block in (1, 2, 3) for each in swept]
    text = render_markdown(RunReport(made_run(tmp_path, scenario_of(swept, 3), made)))
    told = re.findall(r"Supervisor overhead: `(\S+)` serves .* the requests/s of `(\S+)`", text)
    assert told == [("c-1-c8", "raw-c8"), ("c-1-c64", "raw-c64")]


def test_the_picture_has_a_map_for_each_figure(tmp_path: Path) -> None:
    with house_style():
        figure = heat_map.draw(analysed(tmp_path))
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "requests/s",
        "p50",
        "p99",
        "CPU/request",
        "memory",
        "cores busy",
    ]
