"""The comment under a pull request, and the other forms in which a run can be had."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from junitparser import Failure, JUnitXml, Skipped
from markdown_it import MarkdownIt
from pymarkdown.api import PyMarkdownApi

from harness.record import Run
from harness.report.comment import MAX_CHARACTERS
from harness.report.formats import FORMATS
from harness.report.run_report import RunReport
from harness.report.write import write_reports
from tests.made_runs import made_run, record, scenario_of
from tests.two_commits import RAW, TWO, run_of_two_commits


def said(run: Run, form: str = "github") -> str:
    """In this form."""
    return FORMATS[form](RunReport(run))


@pytest.fixture
def slower(tmp_path: Path) -> Run:
    """Raw is a fifth slower, and cluster-2 as it was."""
    return run_of_two_commits(tmp_path, {"raw": 0.8, "cluster-2": 1.0})


def test_the_answer_comes_first_and_the_marker_before_it(slower: Run) -> None:
    lines = said(slower).splitlines()
    assert lines[0] == "<!-- harness: made -->"
    answer = next(line for line in lines if line.startswith("**"))
    assert answer.startswith("**Worse: requests/s (raw), CPU/request (raw).")
    assert "`raw`: requests/s 1,030/s → 828/s, −19" in answer


@pytest.mark.parametrize(
    ("factors", "answer"),
    [
        ({"raw": 0.8, "cluster-2": 0.7}, "**Worse: requests/s, CPU/request. Not"),
        ({"raw": 1.3, "cluster-2": 1.2}, "**Better: requests/s, CPU/request. Not"),
        ({"raw": 1.0, "cluster-2": 1.0}, "**No difference that matters in errors, requests/s, p50"),
        (
            {"raw": 1.3, "cluster-2": 0.7},
            "**Worse: requests/s (cluster-2), CPU/request (cluster-2). Better: requests/s (raw)",
        ),
    ],
)
def test_the_answer_is_that_of_the_verdicts(tmp_path: Path, factors: dict[str, float], answer: str) -> None:
    assert answer in said(run_of_two_commits(tmp_path, factors))


def test_without_an_answer_it_says_what_it_could_have_seen(tmp_path: Path) -> None:
    text = said(run_of_two_commits(tmp_path, {"raw": 0.985, "cluster-2": 1.0}, rounds=4))
    assert "**Can't tell: requests/s (raw), CPU/request (raw)." in text
    assert "% would have shown)" in text


def test_nothing_measured_is_said(tmp_path: Path) -> None:
    compared = run_of_two_commits(tmp_path / "made", {"raw": 1.0, "cluster-2": 1.0}).scenario
    failed = [record(1, each, 0, status="failed", reason="it did not start") for each in compared.topologies]
    text = said(made_run(tmp_path / "failed", compared, failed))
    assert "**Not measured.**" in text
    assert "| `throughput < -5%` | raw | not measured |" in text
    assert "```" not in text


def test_the_gates_are_told_with_what_was_held_against_them(slower: Run) -> None:
    text = said(slower)
    assert "| `throughput < -5%` | raw | **failed**: −19" in text
    assert "\nPassed: `throughput < -5%` (cluster-2).\n" in text


def test_there_is_a_row_for_each_figure_and_what_got_worse_is_drawn_first(slower: Run) -> None:
    text = said(slower)
    for metric in ("requests/s", "p50", "p99", "CPU/request", "memory", "errors"):
        assert all(f"| {name} | {metric} |" in text for name in ("raw", "cluster-2"))
    assert text.index("| raw | CPU/request |") < text.index("| cluster-2 | requests/s |")
    axis, *lines = text.split("```diff\n")[1].split("\n```")[0].splitlines()
    assert axis.split() == ["−50%", "0", "+50%"]
    assert [line[:17] for line in lines[:2]] == ["- raw requests/s ", "- raw CPU/request"]
    assert all(line.startswith("  ") for line in lines[2:])
    assert "●" in lines[0][: axis.index(" 0 ")]
    assert "●" in lines[1][axis.index(" 0 ") :]


def test_everything_else_is_folded_and_reads_as_html(slower: Run) -> None:
    text = said(slower)
    assert text.count("<details>") == text.count("</details>") >= 3
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert html.count("<table>") == 4  # gates, figures, and the details of both
    assert "<em>more</em>" not in html  # of a commit's message
    assert "Serve *more* &lt;carts&gt;" in html
    assert "harness compare x" in html


def test_it_is_never_longer_than_github_takes(tmp_path: Path) -> None:
    many = [TWO.model_copy(update={"name": f"cluster-with-a-long-name-{'x' * 40}-{n}"}) for n in range(60)]
    run = run_of_two_commits(tmp_path, {each.name: 1.0 for each in [RAW, *many]}, 1, topologies=(RAW, *many))
    assert len(said(run)) <= MAX_CHARACTERS


def test_a_comparison_of_topologies_has_one_too(tmp_path: Path) -> None:
    records = [record(block, each, rate) for block in (1, 2, 3) for each, rate in ((RAW, 100 + block), (TWO, 200))]
    text = said(made_run(tmp_path, scenario_of([RAW, TWO], 3), records))
    assert "one process or a cluster?" in text
    assert "**Run `cluster-2`**" in text
    assert "+ requests/s " in text.split("```diff\n")[1]


def test_json_has_every_figure_with_its_interval(slower: Run) -> None:
    found: dict[str, Any] = json.loads(said(slower, "json"))
    assert found["verdict"] == "failed"
    (change,) = [each for each in found["changes"] if (each["topology"], each["metric"]) == ("raw", "throughput")]
    assert change["ratio"]["low"] < change["ratio"]["value"] < change["ratio"]["high"] < 0.95
    assert change["verdict"] == "slower"
    assert [revision["ref"] for revision in found["revisions"]] == ["main", "working tree"]
    assert found["gates"][0] == {"gate": "throughput < -5%", "topology": "raw", "outcome": "failed"}


def test_csv_is_flat_with_a_line_for_each_figure(slower: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(said(slower, "csv"))))
    assert len(rows) == 20
    assert float(rows[0]["ratio_value"]) == pytest.approx(0.8, rel=0.05)


def test_junit_has_a_case_for_each_gate_and_each_trial_that_does_not_count(tmp_path: Path) -> None:
    gates = ("throughput < -5%", "throughput > 1030/s")
    run = run_of_two_commits(tmp_path, {"raw": 0.8, "cluster-2": 1.0}, gates=gates)
    failed = record(1, run.scenario.topologies[0], 0, status="failed", reason="it <did> not start")
    run = run.model_copy(update={"records": [failed, *run.records[1:]]})
    (suite,) = JUnitXml.fromstring(said(run, "junit").encode())
    cases = {case.name: [type(result) for result in case.result] for case in suite}
    assert cases["raw: throughput < -5%"] == [Failure]
    assert cases["cluster-2: throughput < -5%"] == []
    assert cases["cluster-2: throughput > 1030/s"] == [Skipped]  # the interval holds the limit
    assert cases["r01-raw-base"] == [Failure]


def test_the_report_of_two_commits_asks_their_question(slower: Run) -> None:
    write_reports(slower)
    text = (slower.path / "report.md").read_text()
    assert text.startswith("# made: did it get slower?")
    assert "| raw (head) | requests/s |" in text or "| raw | requests/s | " in text
    assert "| `throughput < -5%` | raw | **failed**: −19" in text
    page = (slower.path / "report.html").read_text()
    assert "<code>throughput &lt; -5%</code> raw <strong>failed</strong>: −19" in page
    assert not (slower.path / "charts" / "speedup.png").exists()
    assert said(slower, "markdown") == text


def test_a_linter_has_nothing_to_say(slower: Run) -> None:
    """But for long lines, HTML, which folds, and the marker before the heading, which are meant."""
    linter = PyMarkdownApi().disable_rule_by_identifier("MD013").disable_rule_by_identifier("MD033")
    found = linter.disable_rule_by_identifier("MD041").scan_string(said(slower))
    assert found.scan_failures == []
    assert found.pragma_errors == []
