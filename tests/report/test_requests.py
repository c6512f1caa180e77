"""Each request of a mix by itself: in tables, in rows for programs, and in what a gate says of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt

from harness.analysis.difference import RunDifference
from harness.analysis.gates import Outcome, find_inapplicable_gates
from harness.load.latency import LatencyHistogram
from harness.load.result import Errors, RequestResult
from harness.load.spec import Arrivals, Request
from harness.record import TrialRecord, read_run
from harness.report.formats import FORMATS
from harness.report.load.notes import load_text
from harness.report.run_report import RunReport
from harness.report.write import write_reports
from harness.scenario import Gate, GateTable, Scenario, Topology
from harness.stats.verdict import Verdict
from tests.made_runs import load_result, made_run, record, scenario_of, topology

RAW = topology("raw", baseline=True)
TWO = topology("cluster-2", workers=2)
GET, POST = "GET /cart?id={id}", "POST /cart/items"
EVIL = "GET /<img>|*b*[bold]`"
MIX = tuple(Request(method=name.split()[0], path=name.split()[1]) for name in (GET, POST, EVIL))


def kind(name: str, requests: int, bad: int, ms: float) -> RequestResult:
    histogram = LatencyHistogram()
    histogram.record(np.full(requests, round(ms * 1e6), dtype=np.int64))
    return RequestResult(
        name=name,
        requests=requests,
        ok=requests - bad,
        errors=bad,
        latency_ms=histogram.summary(),
        histogram=histogram.encode(),
    )


def mixed(block: int, of: Topology, post_ms: float, bad: int = 0) -> TrialRecord:
    """1,000 requests in a second: 700 GET in 1 ms, 200 POST in so long, of which some are bad, and 100 of no good."""
    made = record(block, of, 1000, errors=Errors(status=bad))
    kinds = [kind(GET, 700, 0, 1.0), kind(POST, 200, bad, post_ms), kind(EVIL, 100, 0, 1.0)]
    load = load_result(1000, Errors(status=bad)).model_copy(update={"by_request": kinds})
    return made.model_copy(update={"load": load})


def scenario(*gates: str) -> Scenario:
    made = scenario_of([RAW, TWO], 6)
    load = made.load.model_copy(update={"requests": MIX})
    return made.model_copy(update={"load": load, "gate": GateTable(fail_on=gates)})


def report(results: Path, *gates: str, bad: int = 0, post_ms: float = 3.0) -> RunReport:
    records = [
        each
        for block in range(1, 7)
        for each in (mixed(block, RAW, 2.0 + block / 100), mixed(block, TWO, post_ms + block / 100, bad))
    ]
    return RunReport(made_run(results, scenario(*gates), records))


def test_a_gate_is_on_one_request_and_says_nothing_of_the_others(tmp_path: Path) -> None:
    found = report(
        tmp_path,
        f"p99[{POST}] > +10%",
        f"p95[{GET}] > +10%",
        f"throughput[{POST}] < -5%",
        f"errors[{POST}] > +1%",
        f"p50[{POST}] < 2.5ms",
        bad=20,
    )
    outcomes = {(each.gate.text, each.topology): each.outcome for each in found.gate_results}
    assert outcomes == {
        (f"p99[{POST}] > +10%", "cluster-2"): Outcome.FAILED,
        (f"p95[{GET}] > +10%", "cluster-2"): Outcome.PASSED,
        (f"throughput[{POST}] < -5%", "cluster-2"): Outcome.FAILED,
        (f"errors[{POST}] > +1%", "cluster-2"): Outcome.FAILED,
        (f"p50[{POST}] < 2.5ms", "raw"): Outcome.PASSED,
        (f"p50[{POST}] < 2.5ms", "cluster-2"): Outcome.FAILED,
    }
    assert found.comparisons["cluster-2", f"p99[{POST}]"].verdict is Verdict.WORSE
    assert "p99 of POST /cart/items" in FORMATS["junit"](found) + FORMATS["github"](found)


def test_without_a_gate_nothing_more_is_judged_and_every_request_has_its_rows(tmp_path: Path) -> None:
    found = report(tmp_path)
    assert not any("[" in name for _, name in found.comparisons)
    changes = json.loads(FORMATS["json"](found))["changes"]
    shown = {(each["topology"], each["metric"]): each for each in changes}
    for name in (GET, POST, EVIL):
        for figure in ("throughput", "p50", "p99", "errors"):
            assert shown["cluster-2", f"{figure}[{name}]"]["verdict"] is None
    assert shown["cluster-2", f"p99[{POST}]"]["before"]["value"] == pytest.approx(2.03, rel=0.02)
    assert shown["cluster-2", f"p99[{POST}]"]["after"]["value"] == pytest.approx(3.03, rel=0.02)
    assert shown["raw", f"throughput[{POST}]"]["after"]["value"] == pytest.approx(200)
    assert f"p99[{POST}]" in FORMATS["csv"](found)
    assert "not measured" not in found.headline.lower()


def test_a_figure_that_a_gate_limits_has_one_row(tmp_path: Path) -> None:
    found = report(tmp_path, f"p99[{POST}] < 1s")
    names = [(row.topology, row.metric.name) for row in [*found.rows, *found.request_rows]]
    assert len(names) == len(set(names))


def test_the_reports_have_a_table_in_which_paths_are_text(tmp_path: Path) -> None:
    found = report(tmp_path, f"p99[{EVIL}] < 1s", bad=20)
    write_reports(found.run)
    html = MarkdownIt("commonmark").enable(["table"]).render((found.run.path / "report.md").read_text())
    page = (found.run.path / "report.html").read_text()
    for text in (html, page):
        assert "<img>" not in text
        assert "&lt;img&gt;|*b*[bold]`" in text
    rows = [line.split("|") for line in (found.run.path / "report.md").read_text().splitlines() if POST in line]
    assert [each.strip() for each in rows[1]][1:] == [
        "cluster-2", POST, "1,200", "180", "3.03 ms", "3.06 ms", "120", "10 %", ""
    ]  # fmt: skip


def test_a_load_tells_each_request_by_itself() -> None:
    load = mixed(1, RAW, 2.0, bad=3).load
    assert load is not None
    line = next(line for line in load_text(load).splitlines() if POST in line)
    assert line.split() == ["POST", "/cart/items", "200", "197", "197", "2.00ms", "2.00ms", "3"]
    assert EVIL in load_text(load)


def test_two_runs_have_the_rows_too(tmp_path: Path) -> None:
    base, head = report(tmp_path / "a").run, report(tmp_path / "b", f"p99[{POST}] > +10%", post_ms=9.0).run
    judged = {row.metric.name: row for row in RunDifference(base, head).rows if row.topology == "cluster-2"}
    assert judged[f"p99[{POST}]"].verdict is Verdict.WORSE
    shown = {row.metric.name for row in RunDifference(base, head).request_rows}
    assert f"p99[{GET}]" in shown
    assert f"p99[{POST}]" not in shown


def test_a_gate_on_a_request_that_is_not_there_is_refused_with_those_there_are() -> None:
    (reason,) = find_inapplicable_gates(scenario("p99[GET /cart] < 1s", f"p99[{GET}] < 1s"))
    assert (
        reason == f"p99[GET /cart] < 1s: no request of the load is called GET /cart; there are: {GET}, {POST}, {EVIL}"
    )
    alone = scenario_of([RAW, TWO], 1).model_copy(update={"gate": GateTable(fail_on=("p99[GET /] < 1s",))})
    assert find_inapplicable_gates(alone) == ["p99[GET /] < 1s: GET / is the only request; limit p99 of all"]
    under_a_rate = scenario(f"throughput[{GET}] < -5%")
    rate = under_a_rate.load.model_copy(update={"arrivals": Arrivals(rate_per_s=5)})
    (reason,) = find_inapplicable_gates(under_a_rate.model_copy(update={"load": rate}))
    assert "limit p99 instead" in reason


def test_a_record_whose_requests_do_not_add_up_is_refused(tmp_path: Path) -> None:
    run = report(tmp_path).run
    file = run.path / "trials.jsonl"
    file.write_text(file.read_text().replace('"ok":200', '"ok":201'))
    left_out = read_run(run.path).left_out
    assert len(left_out) == 12
    assert "does not add up" in left_out[0]


def test_a_gate_is_named_as_the_metric_is() -> None:
    gate = Gate.parse(f"p99.50 [ {POST} ] <= 1s")
    assert (gate.metric, gate.figure, gate.request) == (f"p99.5[{POST}]", "p99.5", POST)
