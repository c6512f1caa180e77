"""What is left on the terminal when a trial has ended."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from harness.cli.progress import LAST_LINES, LiveDisplay, PlainDisplay
from harness.cli.search_progress import SearchDisplay
from harness.measure.preparation import prepare
from harness.record import TrialRecord
from tests.made_runs import record, topology
from tests.trial.trials import scenario

RAW = topology("raw")
FAILED = record(1, RAW, 100, status="failed", reason="the server exited with 3").model_copy(
    update={"log_tail": [f"line {number} of [the] log" for number in range(9)]}
)
PREPARED = prepare(scenario(RAW.model_copy(update={"command": ("true", "{port}")})), 1)

Display = PlainDisplay | LiveDisplay | SearchDisplay
DISPLAYS: list[Callable[[Console], Display]] = [
    lambda console: PlainDisplay(console, PREPARED),
    lambda console: LiveDisplay(console, PREPARED),
    SearchDisplay,
]


def print_ends(display: Callable[[Console], Display], *records: TrialRecord) -> list[str]:
    """The lines that are left when these trials have ended."""
    written = io.StringIO()
    ending = display(Console(file=written, width=80))
    for ended in records:
        ending.on_record(ended)
    return written.getvalue().splitlines()


@pytest.mark.parametrize("display", DISPLAYS, ids=["plain", "live", "search"])
def test_the_last_words_of_a_server_that_failed_are_told_once(display: Callable[[Console], Display]) -> None:
    first, *words, second = print_ends(display, FAILED, FAILED)
    assert "failed: the server exited with 3" in first
    *last, where = words
    assert last == [f"    {line}" for line in FAILED.log_tail[-LAST_LINES:]]
    assert where == "    (from logs/r01-raw.log in the run folder)"
    assert "failed: the server exited with 3" in second


@pytest.mark.parametrize("display", DISPLAYS, ids=["plain", "live", "search"])
def test_a_trial_that_counts_or_is_invalid_has_one_line(display: Callable[[Console], Display]) -> None:
    sound = FAILED.model_copy(update={"status": "ok"})
    assert len(print_ends(display, sound, FAILED.model_copy(update={"status": "invalid"}))) == 2
