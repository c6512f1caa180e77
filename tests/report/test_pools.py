"""What reports say of the processes of a server, and of workers that came and went."""

from pathlib import Path
from typing import Final

import pytest

from harness.load.latency import LatencyHistogram
from harness.record import Role, Run, ServerProcess, TrialRecord, WorkerCounts
from harness.report.markdown import render_markdown
from harness.report.run_report import RunReport
from tests.made_runs import made_run, record, scenario_of, topology

POOL: Final = topology("pool", baseline=True).model_copy(update={"workers_as_found": True})
OTHER: Final = topology("cluster-2", workers=2)
SAME: Final = {"ready": 2, "found": 2, "least": 2, "most": 2, "at_end": 2}


def counted(block: int, **counts: object) -> TrialRecord:
    """A trial of the pool with these counts, and two workers where nothing else is said."""
    made = WorkerCounts.model_validate(SAME | counts)
    return record(block, POOL, 100).model_copy(update={"worker_counts": made})


def run_of(results: Path, *records: TrialRecord) -> Run:
    """Rounds of the pool and of another cluster."""
    others = [record(block, OTHER, 150) for block in range(1, len(records) + 1)]
    return made_run(results, scenario_of([POOL, OTHER], len(records)), [*records, *others])


def whats(run: Run) -> str:
    """All findings, a line each."""
    return "\n".join(f"{finding.what} {finding.advice}" for finding in RunReport(run).findings)


def test_workers_that_were_replaced_are_a_finding_with_what_it_cost(tmp_path: Path) -> None:
    replaced = {"started": 2, "ended": {"exit status 0": 2}, "changed_seconds": [0]}
    said = whats(run_of(tmp_path, counted(1, **replaced), counted(2, **replaced), counted(3)))
    assert "Workers of `pool` were replaced within the window, in 2 of 3 trials: 4 ended (exit status 0: 4)" in said
    assert "and 4 came; 0 requests failed and 0 had to be sent again" in said
    assert "An option such as --max-requests, or a pool's limits, does this" in said
    assert "workers_may_change = false" in said


def test_a_pool_that_grew_is_a_finding(tmp_path: Path) -> None:
    said = whats(run_of(tmp_path, counted(1, ready=1), counted(2, ready=1, at_end=3, most=3)))
    assert (
        "The number of workers of `pool` changed under load: 1 when ready, 2 as the window began and 2 to 3 as it ended"
    ) in said
    assert "A longer warm-up lets it settle first." in said


def test_workers_that_stayed_are_none(tmp_path: Path) -> None:
    said = whats(run_of(tmp_path, counted(1), counted(2)))
    assert "replaced" not in said
    assert "changed under load" not in said


def test_the_number_found_is_the_number_told(tmp_path: Path) -> None:
    run = run_of(tmp_path, counted(1), counted(2))
    summary = RunReport(run).summaries[0]
    assert summary.workers == 2
    assert (
        RunReport(run).summaries[1].is_at_equal_core_speed is False
    )  # too few rounds, and not for another number of workers
    assert "| pool | 2 | 100" in render_markdown(RunReport(run))


@pytest.mark.parametrize(
    ("role", "cell"),
    [("worker", "2 × gunicorn (python3.11), 1 to 9 threads each"), ("front", "1 × nginx, 1 thread")],
)
def test_processes_are_told_by_role_and_name(role: Role, cell: str, tmp_path: Path) -> None:
    processes = [
        ServerProcess(pid=1, born_s=1, role="worker", name="gunicorn", program="python3.11", threads=1),
        ServerProcess(pid=2, born_s=1, role="worker", name="gunicorn", program="python3.11", threads=9),
        ServerProcess(pid=3, born_s=1, role="front", name="nginx", program="nginx"),
    ]
    run = run_of(tmp_path, counted(1).model_copy(update={"processes": processes}), counted(2))
    first = run.model_copy(update={"records": [each for each in run.records if each.block == 1]})
    row = next(line for line in render_markdown(RunReport(first)).splitlines() if line.startswith("| pool | 2 ×"))
    assert cell in row


def test_processes_of_which_no_program_is_known_have_no_row(tmp_path: Path) -> None:
    unread = [ServerProcess(pid=1, born_s=1, role="worker", name="gunicorn")]
    run = run_of(tmp_path, counted(1).model_copy(update={"processes": unread}), counted(2))
    first = run.model_copy(update={"records": [each for each in run.records if each.block == 1]})
    assert "gunicorn" not in render_markdown(RunReport(first))


def slow(block: int, p99_ms: float, seconds: int, changed: list[int]) -> TrialRecord:
    """A trial that took so long in the seconds in which workers changed, and 1 ms in the others."""
    made = counted(block, started=1, ended={"exit status 0": 1}, changed_seconds=changed)
    assert made.load
    assert made.usage
    row = made.load.series[0]
    series = [
        row.model_copy(update={"end_s": number + 1.0, "p99_ms": p99_ms if number in changed else 1.0})
        for number in range(seconds)
    ]
    requests = sum(row.requests for row in series)
    histogram = LatencyHistogram.merge(row.histogram for row in series).encode()
    counts = {"requests": requests, "ok": requests, "started": requests, "histogram": histogram}
    load = made.load.model_copy(update={"series": series, "duration_s": float(seconds), **counts})
    usage = made.usage.model_copy(update={"series": made.usage.series * seconds})
    return made.model_copy(update={"load": load, "usage": usage})


def test_what_replacement_cost_is_told_where_there_are_seconds_enough(tmp_path: Path) -> None:
    assert "p99 was 9.00 ms in seconds with a change, 1.00 ms in others" in whats(
        run_of(tmp_path / "a", slow(1, 9.0, 8, [1, 3, 5]))
    )
    assert "in seconds with a change" not in whats(run_of(tmp_path / "b", slow(1, 9.0, 8, [1])))


def test_requests_that_failed_are_counted_and_bad_trials_are_not(tmp_path: Path) -> None:
    made = counted(1, started=1, ended={"exit status 0": 1})
    assert made.load
    errors = made.load.errors.model_copy(update={"read": 3})
    load = made.load.model_copy(update={"errors": errors, "reconnected": 5, "started": made.load.started + 3})
    bad = counted(2, started=5, ended={"SIGSEGV": 5}).model_copy(update={"status": "invalid", "reason": "x"})
    said = whats(run_of(tmp_path, made.model_copy(update={"load": load}), bad))
    assert (
        "in 1 of 1 trials: 1 ended (exit status 0: 1) and 1 came; 3 requests failed and 5 had to be sent again" in said
    )


def test_workers_that_went_and_were_not_replaced_are_not_said_to_be(tmp_path: Path) -> None:
    said = whats(run_of(tmp_path, counted(1, least=1, at_end=1, ended={"exit status 0": 1})))
    assert "Workers of `pool` ended, and none came in their place, within the window" in said


def test_a_pool_that_settled_needs_no_longer_warm_up(tmp_path: Path) -> None:
    said = whats(run_of(tmp_path, counted(1, ready=1), counted(2, ready=1)))
    assert "changed under load" in said
    assert "A longer warm-up" not in said


def test_the_likely_option_is_told_by_the_names_of_the_processes(tmp_path: Path) -> None:
    named = [ServerProcess(pid=1, born_s=1, role="worker", name="uvicorn", program="python3.11")]
    replaced = counted(1, started=1, ended={"exit status 0": 1})
    assert "--limit-max-requests does this" in whats(run_of(tmp_path, replaced.model_copy(update={"processes": named})))
