"""Runs to rows, rows to tables."""

from rich.table import Table

from bench.readings import Reading
from bench.running import Failure, Run, Sample
from bench.summary import Ratio, Row, summarise
from bench.table import document, failures, markdown, table
from bench.targets import Target
from bench.tools import TOOLS
from harness.machine.environment import describe_environment


def sample(cpu_us: float, rate_per_s: float, p50_ms: float | None = None, errors: int = 0) -> Sample:
    """A run of a thousand requests."""
    return Sample(Reading(1000, rate_per_s, errors, p50_ms, None), cpu_us / 1000)


WRK: list[Run] = [sample(10, 100, 1.0), sample(20, 200, 2.0), sample(40, 400, 9.0)]


def row(runs: list[Run], wrk: list[Run]) -> Row:
    """Of a tool called ``other``."""
    return summarise("other", "1.0", runs, wrk)


def cells(shown: Table) -> list[list[str]]:
    """Of the rows below the heading."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown(shown).splitlines()[2:]]


def test_figures_are_medians_and_errors_are_added_up() -> None:
    made = row([sample(30, 50, 4.0, errors=1), sample(10, 70, 3.0), sample(20, 90, 8.0, errors=2)], [])
    assert (made.cpu_us, made.requests_per_s, made.p50_ms, made.errors) == (20, 70, 4.0, 3)


def test_ratios_are_taken_within_rounds() -> None:
    made = row([sample(20, 50), sample(20, 200), sample(20, 800)], WRK)
    assert made.cpu_ratio == Ratio(1.0, 0.5, 2.0)
    assert made.rate_ratio == Ratio(1.0, 0.5, 2.0)


def test_a_round_in_which_either_failed_has_no_ratio() -> None:
    failed = Failure("refused")
    made = row([failed, sample(30, 50), sample(40, 50)], [WRK[0], WRK[1], failed])
    assert made.cpu_ratio == Ratio(1.5, 1.5, 1.5)
    assert made.cpu_us == 35
    assert (made.runs, made.failures) == (3, ("refused",))


def test_what_is_not_reported_is_a_dash() -> None:
    assert cells(table([row([sample(12.345, 45678.9)], [])])) == [
        ["other", "1.0", "12.35", "–", "–", "45,679", "–", "–", "–", "0"]
    ]


def test_what_is_reported_is_shown_with_three_figures_at_most() -> None:
    made = row([sample(15, 100, 1234.5, errors=1500), sample(20, 300, 1234.5), sample(44, 400, 1234.5)], WRK)
    assert cells(table([made])) == [["other", "1.0", "20.00", "1.10", "1.00–1.50", "300", "1.00", "1230", "–", "1,500"]]
    assert cells(table([row([sample(15, 100, 1.0)], [])]))[0][7] == "1"


def test_a_tool_that_never_went_well_is_failed_and_says_why() -> None:
    made = row([Failure("refused"), Failure("refused"), Failure("exit code 1: [help]")], WRK)
    assert cells(table([made])) == [["other", "1.0", "failed", *["–"] * 7]]
    assert failures([made]) == [
        "other failed in 2 of 3 runs: `refused`",
        "other failed in 1 of 3 runs: `exit code 1: [help]`",
    ]


def test_the_document_holds_it_all() -> None:
    target = Target("a page, 40 connections", "http://127.0.0.1:1/", 40)
    text = document(
        environment=describe_environment(),
        measured_at="today",
        rounds=3,
        duration_s=2,
        missing=["k6"],
        results={target: [row(WRK, WRK), row([Failure("refused")] * 3, WRK)]},
        tools=TOOLS,
    )
    assert "every tool ran 3 × 2 s" in text
    assert "not installed: k6" in text
    assert "## a page, 40 connections\n\n| tool" in text
    assert "| other | 1.0     |          20.00 |  1.00 | 1.00–1.00 |" in text
    assert "\n\n- other failed in 3 of 3 runs: `refused`\n\n## The tools\n" in text
    assert "`wrk -t1 -c{connections} -d{duration_s}s --latency {url}`" in text
