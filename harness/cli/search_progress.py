"""The display of a search at the terminal: a line for each trial, and after each round what is known."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console

from harness.analysis.capacity import Capacity
from harness.cli.progress import LastWords, current_text, is_live, print_warnings
from harness.doctor.check import Check
from harness.measure.observer import Observer
from harness.measure.progress import Progress
from harness.record import PlannedTrial, TrialRecord
from harness.report.figures import rate_interval_text
from harness.units import ms_text, rate_text


class SearchDisplay(Observer):
    """A display of lines, for people and for logs; where somebody watches, the trial under way is below them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last_words = LastWords()
        self._status = console.status("") if is_live(console) else None
        self._now = ""

    def on_checks(self, checks: Sequence[Check]) -> None:
        """Print a line for each warning."""
        print_warnings(self._console, checks)

    def on_trial(self, planned: PlannedTrial) -> None:
        """Remember which trial it is."""
        self._now = f"{planned.topology.name} {_offer_text(planned.rate_per_s)}"

    def on_progress(self, progress: Progress) -> None:
        """Show the phase, and the newest figures when there are some."""
        if self._status is not None:
            figures = f", {current_text(progress.second)}" if progress.second else ""
            self._status.update(f"{self._now}: {progress.phase.value}{figures}")

    def on_record(self, record: TrialRecord) -> None:
        """Leave one line behind, and what a server wrote that failed."""
        self._print(trial_line(record), {"ok": "", "invalid": "yellow", "failed": "red"}[record.status])
        self._last_words.print_after(record, self._console)

    def on_capacities(self, rounds: int, capacities: Sequence[Capacity]) -> None:
        """Print one line with what all rounds say so far."""
        known = [f"{each.topology.name} {rate}" for each in capacities if (rate := _known_text(each))]
        if known:
            self._print(f"after {rounds} rounds: {', '.join(known)}", "bold")

    def _print(self, line: str, style: str) -> None:
        self._console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()


def trial_line(record: TrialRecord) -> str:
    """Return one ended trial in one line."""
    name = f"round {record.block}  {record.topology:<14} {_offer_text(record.rate_per_s):<16}"
    if record.load is None or (record.status != "ok" and record.load.ok):
        return f"{name} {record.status}: {record.reason}"
    p99 = "" if record.load.latency_ms is None else f"  p99 {ms_text(record.load.latency_ms.p99)}"
    errors = f"  {record.load.errors.total} errors" if record.load.errors.total else ""
    return f"{name} {rate_text(record.load.requests_per_s):>9} requests/s{p99}{errors}"


def _offer_text(rate_per_s: float | None) -> str:
    return "closed loop" if rate_per_s is None else f"offered {rate_text(rate_per_s)}/s"


def _known_text(found: Capacity) -> str | None:
    left_out = f"{len(found.left_out)} trials left out" if found.left_out else None
    if found.rate is None:
        return left_out
    return ", ".join(filter(None, [rate_interval_text(found.rate, "/s"), left_out]))
