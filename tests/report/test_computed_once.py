"""One set of reports analyses its run once, however many renderers read the analysis."""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from harness.analysis.comparison import compare_trials
from harness.analysis.difference import RunDifference
from harness.analysis.gates import evaluate_gates
from harness.analysis.metric_rows import rows_of
from harness.analysis.summary import summarise
from harness.analysis.trials import trials_of
from harness.record import Run
from harness.report.difference import render_difference_terminal
from harness.report.findings import collect_findings
from harness.report.formats import DIFFERENCE_FORMATS, FORMATS
from harness.report.headline import render_headline
from harness.report.terminal import render_terminal
from harness.report.write import write_reports
from harness.stats.verdict import judge
from tests.changed_runs import Made, clusters_of, run_of

GATES: Final = ("throughput < -5%", "p95 < 250ms")


def _commits(results: Path) -> Run:
    return run_of(results, Made(requests=0.9), gates=GATES)


def _clusters(results: Path) -> Run:
    return clusters_of(results, {1: Made(), 2: Made(requests=1.9)})


@pytest.mark.parametrize("make_run", [_commits, _clusters])
def test_all_reports_of_a_run_share_one_analysis(
    make_run: Callable[[Path], Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, functions = (
        make_run(tmp_path),
        (
            trials_of,
            compare_trials,
            rows_of,
            evaluate_gates,
            summarise,
            collect_findings,
            render_headline,
        ),
    )
    calls = _count_calls(monkeypatch, *functions)
    report = write_reports(run)
    for render in FORMATS.values():
        assert render(report)
    assert render_terminal(report)
    assert calls == {function.__name__: 1 for function in functions}


def test_all_forms_of_a_difference_share_one_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base, head = (run_of(tmp_path, Made(requests=requests), gates=GATES) for requests in (1.0, 0.9))
    calls = _count_calls(monkeypatch, judge, evaluate_gates)
    difference = RunDifference(base, head)
    for render in DIFFERENCE_FORMATS.values():
        assert render(difference)
    assert render_difference_terminal(difference)
    assert calls == {"judge": 1, "evaluate_gates": 1}


def _count_calls(monkeypatch: pytest.MonkeyPatch, *functions: Callable[..., object]) -> Counter[str]:
    """Count the calls of each function from now on, by name, whichever module of the package has imported it."""
    calls = Counter[str]()

    def counted(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            calls[function.__name__] += 1
            return function(*arguments, **named)

        return call

    for function in functions:
        wrapper = counted(function)
        for name, module in list(sys.modules.items()):
            if name.startswith("harness.") and getattr(module, function.__name__, None) is function:
                monkeypatch.setattr(module, function.__name__, wrapper)
    return calls
