"""Whose malloc keeps its memory is said in every form, and where that can have no effect."""

import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from harness.record import Allocator, Run
from harness.report.comment import render_comment
from harness.report.finding import Finding
from harness.report.findings import collect_findings
from harness.report.html.page import render_html
from harness.report.machine import render_json
from harness.report.malloc import malloc_text
from harness.report.markdown import render_markdown
from harness.report.run_report import RunReport
from harness.report.tables import render_summary_csv
from harness.report.terminal import render_terminal
from harness.scenario import Scenario
from tests.made_runs import made_run, record, scenario_of, topology
from tests.rehearsal.stage import rehearse
from tests.rehearsal.testbed import VirtualTestbed

RAW, TWO = topology("raw", baseline=True), topology("cluster-2", workers=2)
KEEPING = RAW.with_malloc("keep")
VARIABLES = "MALLOC_TRIM_THRESHOLD_=268435456 MALLOC_MMAP_THRESHOLD_=33554432"


def run_of(results: Path, scenario: Scenario, allocator: Allocator | None = "glibc") -> Run:
    """Six rounds in which every topology took its memory from there; those that keep it need less CPU."""
    records = [
        record(block, each, 1000 + block, cpu_s=0.4 if each.malloc == "keep" else 0.5).model_copy(
            update={"allocator": allocator}
        )
        for block in range(1, 7)
        for each in scenario.topologies
    ]
    return made_run(results, scenario, records)


def terminal(report: RunReport) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(render_terminal(report))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


FORMS = {"terminal": terminal, "markdown": render_markdown, "html": render_html, "github": render_comment}


@pytest.mark.parametrize("form", FORMS)
def test_a_malloc_that_keeps_its_memory_is_said_in_every_form(tmp_path: Path, form: str) -> None:
    keeping = FORMS[form](RunReport(run_of(tmp_path, scenario_of([KEEPING, TWO.with_malloc("keep")], 6))))
    assert "The malloc keeps its memory" in keeping
    assert VARIABLES in keeping
    assert "MALLOC" not in FORMS[form](RunReport(run_of(tmp_path, scenario_of([RAW, TWO], 6))))


def test_a_search_for_the_capacity_says_it_too(tmp_path: Path) -> None:
    with rehearse(tmp_path, VirtualTestbed()) as stage, stage.undrawn():
        stage.write(
            "shop.toml", 'name = "shop"\nmalloc = "keep"\n[[topology]]\nname = "raw"\ncommand = ["sh", "{port}"]'
        )
        done = stage.call("capacity", "shop.toml", "--slo", "p99 < 150ms", "--max-time", "2m", "--seed", "1")
        assert "The malloc keeps its memory" in " ".join(done.stdout.split())
        assert VARIABLES in (tmp_path / "results" / "latest" / "capacity.md").read_text()


def test_programs_are_told_of_the_malloc_of_each_topology(tmp_path: Path) -> None:
    report = RunReport(run_of(tmp_path, scenario_of([KEEPING, TWO], 6)))
    assert json.loads(render_json(report))["malloc"] == {"raw": "keep", "cluster-2": "default"}
    rows = csv.DictReader(io.StringIO(render_summary_csv(report)))
    assert [(row["topology"], row["malloc"]) for row in rows] == [("raw", "keep"), ("cluster-2", "default")]


def test_whose_malloc_keeps_its_memory_is_said_where_not_all_do() -> None:
    assert malloc_text(scenario_of([KEEPING, TWO], 6)) == f"The malloc of `raw` keeps its memory (`{VARIABLES}`)."
    sides = scenario_of([KEEPING], 6).on_two_commits(Path("/base"), Path("/head"))
    assert malloc_text(sides) == f"The malloc keeps its memory (`{VARIABLES}`)."


def findings_of(run: Run) -> list[Finding]:
    return [finding for finding in collect_findings(RunReport(run)) if "malloc" in finding.what]


@pytest.mark.parametrize(
    ("allocator", "words"),
    [("jemalloc", "from jemalloc."), ("musl", "from musl."), ("none", "from no library that is known, as of a static")],
)
def test_a_malloc_that_serves_nothing_is_a_finding(tmp_path: Path, allocator: Allocator, words: str) -> None:
    (found,) = findings_of(run_of(tmp_path, scenario_of([KEEPING, TWO], 6), allocator))
    assert found.what.startswith('`malloc = "keep"` has no effect on `raw`: its memory is from')
    assert words in found.what


@pytest.mark.parametrize("allocator", ["glibc", None])
def test_a_malloc_that_may_serve_is_no_finding(tmp_path: Path, allocator: Allocator | None) -> None:
    assert findings_of(run_of(tmp_path, scenario_of([KEEPING, TWO], 6), allocator)) == []


def test_what_was_not_told_to_keep_its_memory_is_no_finding(tmp_path: Path) -> None:
    assert findings_of(run_of(tmp_path, scenario_of([RAW, TWO], 6), "jemalloc")) == []


def test_one_trial_that_took_its_memory_from_glibc_is_enough(tmp_path: Path) -> None:
    scenario = scenario_of([KEEPING, TWO], 6)
    run = run_of(tmp_path, scenario, "musl")
    mixed = [run.records[0].model_copy(update={"allocator": "glibc"}), *run.records[1:]]
    assert findings_of(made_run(tmp_path, scenario, mixed)) == []


def test_both_mallocs_answer_what_keeping_brings_pair_by_pair(tmp_path: Path) -> None:
    report = RunReport(run_of(tmp_path, scenario_of([RAW, TWO], 6).with_malloc("both")))
    cpu = {row.topology: row for row in report.rows if row.metric.name == "cpu_per_request" and row.baseline}
    assert {name: row.baseline for name, row in cpu.items()} == {"raw-keep": "raw", "cluster-2-keep": "cluster-2"}
    assert all(row.ratio and row.ratio.value == pytest.approx(0.8) for row in cpu.values())
    assert report.headline.startswith("**Better: CPU/request.")
    for form in (render_markdown, render_html, render_comment):
        text = form(report)
        assert "what does it bring that malloc keeps its memory?" in text
        assert "default malloc" in text
    assert "speedup.png" not in render_markdown(report)


def test_pairs_have_no_scaling_since_their_clusters_are_not_compared(tmp_path: Path) -> None:
    clusters = scenario_of([topology("cluster-1", workers=1, baseline=True), TWO], 6)
    assert RunReport(run_of(tmp_path, clusters)).scaling
    assert not RunReport(run_of(tmp_path, clusters.with_malloc("both"))).scaling


def test_an_absolute_figure_of_both_mallocs_has_a_row_of_its_own(tmp_path: Path) -> None:
    report = RunReport(run_of(tmp_path, scenario_of([RAW, TWO], 6).with_malloc("both")))
    assert [row.topology for row in report.rows if row.baseline is None and row.metric.name == "p99"] == [
        "raw",
        "cluster-2",
    ]
