"""The first sentence, the gates and the exit code of a run: no metric speaks for another."""

import json
from pathlib import Path

import pytest

from harness.analysis.gates import Outcome, overall_outcome
from harness.cli.outcome import gate_code
from harness.measure.base_and_head import DEFAULT_GATES
from harness.report.formats import FORMATS
from harness.report.run_report import RunReport
from harness.stats.verdict import Verdict
from tests.changed_runs import USUAL, Made, clusters_of, run_of

FAILED, PASSED, UNCERTAIN, UNMEASURED = (
    Outcome.FAILED, Outcome.PASSED, Outcome.UNCERTAIN, Outcome.UNMEASURED
)  # fmt: skip
CODES = {PASSED: 0, FAILED: 3, UNCERTAIN: 4, UNMEASURED: 5}

TABLE = {
    "no change": (Made(), "No difference that matters.", PASSED),
    "every response a 500, three times as fast": (
        Made(requests=3, p50=0.3, p99=0.3, failing=1.0),
        "Worse: errors. Can't tell: p50, p99. Not measured: requests/s",
        FAILED,
    ),
    "40 % of responses 500": (Made(failing=0.4), "Worse: errors, requests/s, CPU/request.", FAILED),
    "40 % of responses 500, twice as fast": (
        Made(requests=2, p99=0.5, failing=0.4),
        "Worse: errors, CPU/request. Better: requests/s. Can't tell: p99.",
        FAILED,
    ),
    "1 % of responses 500": (Made(failing=0.01), "Worse: errors.", FAILED),
    "p99 16 times higher": (Made(p99=16), "Worse: p99.", FAILED),
    "p50 and p99 higher": (Made(p50=1.3, p99=1.3), "Worse: p50, p99.", FAILED),
    "more CPU": (Made(cpu=1.21), "Worse: CPU/request.", FAILED),
    "three times the memory": (Made(memory=3), "Worse: memory.", FAILED),
    "a leak": (Made(leak_bytes=2000), "Worse: memory, memory growth/request.", FAILED),
    "starts three seconds later": (Made(late_s=3), "Worse: time until ready.", PASSED),
    "a page of 2 bytes, faster": (
        Made(requests=1.5, cpu=0.6, body_bytes=2),
        "The responses are not of the same size. Better: requests/s, CPU/request.",
        PASSED,
    ),
    "slower": (Made(requests=0.8), "Worse: requests/s.", FAILED),
    "faster": (Made(requests=1.3), "Better: requests/s.", PASSED),
    "faster, and p99 worse": (Made(requests=1.3, p99=2), "Worse: p99. Better: requests/s.", FAILED),
    "less CPU, more memory": (Made(cpu=0.8, memory=1.4), "Worse: memory. Better: CPU/request.", FAILED),
    "less memory, fewer CPU": (Made(cpu=0.8, memory=0.6), "Better: CPU/request, memory.", PASSED),
    "starts sooner": (Made(late_s=-0.3), "Better: time until ready.", PASSED),
    "noise": (Made(scatter=0.4), "Can't tell: requests/s", UNCERTAIN),
}  # fmt: skip


def report_of(results: Path, made: Made, rounds: int = 8, late_rounds: int = 0) -> RunReport:
    return RunReport(run_of(results, made, rounds=rounds, gates=DEFAULT_GATES, late_rounds=late_rounds))


@pytest.mark.parametrize("name", TABLE)
def test_the_first_sentence_names_what_changed_and_the_gates_hold(tmp_path: Path, name: str) -> None:
    made, sentence, expected = TABLE[name]
    found = report_of(tmp_path, made)
    bold = next(line for line in FORMATS["github"](found).splitlines() if line.startswith("**"))
    assert bold.removeprefix("**").startswith(sentence)
    assert overall_outcome(found.gate_results, strict=False) is expected
    assert gate_code(found.run.scenario, found.gate_results) == CODES[expected]


def test_errors_of_both_sides_are_told_where_nothing_changed(tmp_path: Path) -> None:
    failing = Made(failing=0.05)
    run = run_of(tmp_path, failing, failing, gates=DEFAULT_GATES)
    found = RunReport(run)
    assert "errors 5.00 % before and 5.00 % after" in FORMATS["github"](found)
    assert overall_outcome(found.gate_results, strict=False) is PASSED


def test_a_late_generator_touches_what_is_timed_and_nothing_else(tmp_path: Path) -> None:
    found = report_of(tmp_path, Made(cpu=1.14), rounds=10, late_rounds=8)
    rounds = {row.metric.name: row.change.n for row in found.rows if row.change}
    assert rounds["cpu_per_request"] == rounds["errors"] == rounds["memory"] == rounds["ready"] == 10
    assert rounds["throughput"] == rounds["p50"] == rounds["p99"] == 2
    (cpu,) = (row for row in found.rows if row.metric.name == "cpu_per_request")
    assert cpu.word == "more"


def test_before_changed_so_is_after(tmp_path: Path) -> None:
    for number, (made, _, _) in enumerate(TABLE.values()):
        document = json.loads(FORMATS["json"](report_of(tmp_path / str(number), made, late_rounds=2)))
        for each in document["changes"]:
            if each["ratio"]:
                assert each["before"]["value"] * each["ratio"]["value"] == pytest.approx(each["after"]["value"])
            if each["difference"]:
                was, change = each["before"]["value"], each["difference"]["value"]
                assert was + change == pytest.approx(each["after"]["value"], abs=1e-9)


RECOMMENDED = {
    "more is served": ({2: Made(requests=1.9, memory=2)}, USUAL, "**Run `cluster-2`**", "for memory +100"),
    "more is served, and most requests fail": (
        {2: Made(requests=4, failing=0.6)}, USUAL, "**Errors**: `cluster-2` 60.00 %. **Stay with `raw`**",
        "`cluster-2` is faster and out of the question: more of its requests fail.",
    ),
    "the faster one fails, the other does not": (
        {2: Made(requests=1.8), 4: Made(requests=3.5, failing=0.01)},
        USUAL,
        "**Errors**: `cluster-4` 1.00 %. **Run `cluster-2`**",
        "`cluster-4` is faster and out of the question",
    ),
    "both fail alike": (
        {2: Made(requests=1.9, failing=0.05)},
        Made(failing=0.05),
        "**Errors**: `raw` 5.00 %, `cluster-2` 5.00 %. **Run `cluster-2`**",
        "",
    ),
    "hardly more is served": ({2: Made(requests=1.06)}, USUAL, "**Stay with `raw`**", "10% for twice as many"),
    "a little for four times the workers": (
        {4: Made(requests=1.15)}, USUAL, "**Stay with `raw`**", "worth its workers",
    ),
    "twice as many again bring little": (
        {2: Made(requests=1.9), 4: Made(requests=2.0)}, USUAL, "**Run `cluster-2`**", "`cluster-4` serves more",
    ),
    "more is served, with a longer p99": (
        {2: Made(requests=1.9, p99=3)}, USUAL, "**Run `cluster-2`**", "and worse: p99 +",
    ),
    "less is served": ({2: Made(requests=0.8)}, USUAL, "**Stay with `raw`**", "serves more than its"),
    "noise": ({2: Made(scatter=0.4)}, USUAL, "**No answer yet**", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", RECOMMENDED)
def test_what_is_recommended_is_worth_it_and_fails_no_more(tmp_path: Path, name: str) -> None:
    made, base, beginning, also = RECOMMENDED[name]
    run = clusters_of(tmp_path, made, base)
    said = RunReport(run).headline
    assert said.startswith(beginning)
    assert also in said


def test_what_fails_more_is_not_recommended_before_that_is_proved(tmp_path: Path) -> None:
    """Three rounds are too few for a verdict on errors, and enough for one on requests/s."""
    report = RunReport(clusters_of(tmp_path, {2: Made(requests=1.9, failing=0.05, scatter=0.001)}, rounds=3))
    verdicts = {row.metric.name: row.verdict for row in report.rows if row.baseline}
    assert (verdicts["throughput"], verdicts["errors"]) == (Verdict.BETTER, Verdict.INCONCLUSIVE)
    assert "**Run `cluster-2`**" not in report.headline
    assert "out of the question" in report.headline
