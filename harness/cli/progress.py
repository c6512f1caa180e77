"""The displays of a comparison at the terminal: a live one for people, plain lines for logs."""

import os
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from harness.analysis.comparison import Comparisons
from harness.analysis.metrics import metrics_of
from harness.doctor.check import Check
from harness.load.result import Second
from harness.measure.observer import Observer
from harness.measure.preparation import PreparedRun
from harness.measure.progress import Progress as TrialProgress
from harness.measure.schedule import expected_rounds, trial_s
from harness.record import PlannedTrial, TrialRecord
from harness.report.figures import ratio_text
from harness.report.verdicts import verdict_table
from harness.scenario import Scenario
from harness.stats.race import Standing
from harness.units import duration_text, ms_text, rate_text

LAST_LINES: Final = 5  # of a log, beside a trial that failed


def is_live(console: Console) -> bool:
    """Return True if somebody watches: a terminal, and neither NO_COLOR nor CI is set."""
    return console.is_terminal and not os.environ.get("NO_COLOR") and not os.environ.get("CI")


class Clock:
    """An estimate of the time left, from the trials already made."""

    def __init__(self, scenario: Scenario) -> None:
        self._rounds = expected_rounds(scenario)
        self.trials = self._rounds * len(scenario.topologies)
        self._guess_s = trial_s(scenario.load)
        self._most_s = scenario.max_time_s if scenario.rounds is None else float("inf")
        self._done = 0
        self._began_s = time.monotonic()

    def drop(self, dropped: Sequence[Standing]) -> None:
        """Expect no more trials of these topologies."""
        self.trials -= sum(max(0, self._rounds - each.after_round) for each in dropped)

    def trial_ended(self) -> None:
        """Count one more trial."""
        self._done += 1

    def left_s(self) -> float:
        """Return the seconds until the last trial ends."""
        elapsed_s = time.monotonic() - self._began_s
        each_s = elapsed_s / self._done if self._done else self._guess_s
        return max(0.0, min(each_s * self.trials, self._most_s) - elapsed_s)


class LastWords:
    """The last lines that servers wrote before their trials failed: of each topology once, or a run would say the same
    all night."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def print_after(self, record: TrialRecord, console: Console) -> None:
        """Print what the log of a failed trial says of it, and where that is."""
        if record.status != "failed" or record.topology in self._told:
            return
        self._told.add(record.topology)
        where = [f"(from {record.log} in the run folder)"] if record.log_tail else []
        for line in [*record.log_tail[-LAST_LINES:], *where]:
            console.print(f"    {line}", style="dim", markup=False, highlight=False, soft_wrap=True)


class PlainDisplay(Observer):
    """A line when a trial has ended."""

    def __init__(self, console: Console, prepared: PreparedRun) -> None:
        self._console, self._prepared = console, prepared
        self._last_words = LastWords()
        self._clock = Clock(prepared.scenario)
        self._number = 0

    def on_checks(self, checks: Sequence[Check]) -> None:
        """Print a line for each warning."""
        print_warnings(self._console, checks)

    def on_progress(self, progress: TrialProgress) -> None:
        """Say nothing: a log is read afterwards."""

    def on_record(self, record: TrialRecord) -> None:
        """Print one line with what was measured, or why not, and then what the server wrote."""
        self._clock.trial_ended()
        self._number += 1
        left = f"  ({left_text(self._prepared, self._clock)})" if self._number < self._clock.trials else ""
        self._console.print(
            f"[{self._number}/{max(self._number, self._clock.trials)}] {result_line(record)}{left}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        self._last_words.print_after(record, self._console)

    def on_comparisons(self, rounds: int, comparisons: Comparisons) -> None:
        """Print one line with what all rounds say so far, by the metric that decides."""
        deciding = metrics_of(self._prepared.scenario)[0]
        said = [
            f"{each.topology} {ratio_text(each.pairs.evidence.estimate)} {each.metric.word(each.verdict)}"
            for each in comparisons.values()
            if each.metric is deciding and each.change.low is not None
        ]
        if said:
            line = f"after {rounds} rounds: {', '.join(said)}"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def on_dropped(self, dropped: Sequence[Standing]) -> None:
        """Print a line for each topology that gets no more rounds."""
        self._clock.drop(dropped)
        print_dropped(self._console, dropped)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave everything as it is."""


class LiveDisplay(Observer):
    """A display of what runs now with its current requests/s and p99, the time left, and the intervals as they narrow.
    Ended trials scroll above it."""

    def __init__(self, console: Console, prepared: PreparedRun) -> None:
        self._console, self._prepared = console, prepared
        self._last_words = LastWords()
        self._clock = Clock(prepared.scenario)
        self._bar = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("[bold]{task.fields[topology]}[/bold] {task.fields[phase]}"),
            TextColumn("{task.fields[now]}"),
            TextColumn("[dim]{task.fields[left]}[/dim]"),
        )
        self._task = self._bar.add_task("", total=self._clock.trials, topology="", phase="", now="", left="")
        self._verdicts: Table | None = None
        self._live = Live(console=console, transient=True, get_renderable=self._screen)

    def _screen(self) -> Group:
        return Group(*([self._verdicts] if self._verdicts else []), self._bar)

    def on_checks(self, checks: Sequence[Check]) -> None:
        """Print a line for each warning, which stays."""
        print_warnings(self._console, checks)

    def on_trial(self, planned: PlannedTrial) -> None:
        """Show what runs now."""
        self._bar.update(self._task, topology=planned.topology.name, phase="", now="", left=self._time_left())

    def on_progress(self, progress: TrialProgress) -> None:
        """Show the phase, and the newest figures when there are new ones."""
        self._bar.update(self._task, phase=progress.phase.value, left=self._time_left())
        if progress.topology is not None:
            self._bar.update(self._task, topology=progress.topology)
        if progress.second is not None:
            self._bar.update(self._task, now=current_text(progress.second))

    def on_record(self, record: TrialRecord) -> None:
        """Leave one line behind, and what a server wrote that failed."""
        self._clock.trial_ended()
        self._bar.advance(self._task)
        style = {"ok": "", "invalid": "yellow", "failed": "red"}[record.status]
        self._console.print(result_line(record), style=style, markup=False, highlight=False, soft_wrap=True)
        self._last_words.print_after(record, self._console)

    def on_comparisons(self, rounds: int, comparisons: Comparisons) -> None:
        """Show the intervals of all rounds so far."""
        self._verdicts = verdict_table(comparisons.values()) if rounds > 1 else None

    def on_dropped(self, dropped: Sequence[Standing]) -> None:
        """Leave a line behind for each topology that gets no more rounds."""
        self._clock.drop(dropped)
        self._bar.update(self._task, total=self._clock.trials)
        print_dropped(self._console, dropped)

    def _time_left(self) -> str:
        return left_text(self._prepared, self._clock)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()


def print_warnings(console: Console, checks: Sequence[Check]) -> None:
    """Print what about the machine spoils the comparison, while there is still time to mend it."""
    for check in checks:
        if check.status == "warn":
            line = f"{check.name}: {check.what}. {check.advice or ''}"
            console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)


def print_dropped(console: Console, dropped: Sequence[Standing]) -> None:
    """Print which topologies get no more rounds, and why."""
    for each in dropped:
        line = f"no more rounds for {each.candidate}: {ratio_text(each.ratio)} of {each.leader}"
        console.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)


def left_text(prepared: PreparedRun, clock: Clock) -> str:
    """Return how long it goes on, or may go on when it ends as soon as the verdicts are settled."""
    most = "at most " if prepared.scenario.rounds is None else ""
    return f"{most}{duration_text(round(clock.left_s()))} left"


def current_text(second: Second) -> str:
    """Return the newest second: requests/s and p99."""
    p99 = "nothing completed" if second.p99_ms is None else f"p99 {ms_text(second.p99_ms)}"
    return f"{rate_text(second.requests_per_s)} requests/s  {p99}"


def result_line(record: TrialRecord) -> str:
    """Return one ended trial in one line."""
    name = f"round {record.block}  {record.topology:<14}"
    if record.status != "ok" or record.load is None:
        return f"{name} {record.status}: {record.reason}"
    load = record.load
    p99 = "" if load.latency_ms is None else f"  p99 {ms_text(load.latency_ms.p99)}"
    errors = f"  {load.errors.total} errors" if load.errors.total else ""
    return f"{name} {rate_text(load.requests_per_s):>9} requests/s{p99}{errors}"
