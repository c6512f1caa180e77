"""How a comparison looks at the terminal: a live display for people, plain lines for logs."""

import os
import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from harness.generator.result import Second
from harness.plan import PlannedTrial
from harness.record import TrialRecord
from harness.scenario import Scenario, ScenarioLoad
from harness.trial import Progress as TrialProgress
from harness.units import duration_text, ms_text, rate_text

OVERHEAD_S: Final = 2.0  # starting and stopping a server, before any was seen to start and stop


def is_live(console: Console) -> bool:
    """Whether somebody watches: a terminal, and neither NO_COLOR nor CI is set."""
    return console.is_terminal and not os.environ.get("NO_COLOR") and not os.environ.get("CI")


def trial_s(load: ScenarioLoad) -> float:
    """How long a trial takes, roughly (seconds)."""
    return load.warmup_s + load.duration_s + OVERHEAD_S


class Clock:
    """Estimates the time left from the trials already made."""

    def __init__(self, trials: int, guess_s: float) -> None:
        self._trials, self._guess_s = trials, guess_s
        self._done = 0
        self._began_s = time.monotonic()

    def trial_ended(self) -> None:
        """One more trial has been made."""
        self._done += 1

    def left_s(self) -> float:
        """Seconds until the last trial ends."""
        elapsed_s = time.monotonic() - self._began_s
        each_s = elapsed_s / self._done if self._done else self._guess_s
        return max(0.0, each_s * self._trials - elapsed_s)


class PlainDisplay:
    """A line when a trial has ended."""

    def __init__(self, console: Console, plan_length: int, guess_s: float) -> None:
        self._console, self._total = console, plan_length
        self._clock = Clock(plan_length, guess_s)
        self._number = 0

    def begin(self, planned: PlannedTrial) -> None:
        """Remember which trial it is."""
        self._number += 1

    def progress(self, progress: TrialProgress) -> None:
        """Say nothing: a log is read afterwards."""

    def end(self, record: TrialRecord) -> None:
        """One line with what was measured, or why not."""
        self._clock.trial_ended()
        left = f"  ({duration_text(self._clock.left_s())} left)" if self._number < self._total else ""
        self._console.print(
            f"[{self._number}/{self._total}] {result_line(record)}{left}", markup=False, highlight=False, soft_wrap=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to tidy."""


class LiveDisplay:
    """A bar with what runs now, its current requests/s and p99, and the time left; ended trials scroll above it."""

    def __init__(self, console: Console, plan_length: int, guess_s: float) -> None:
        self._console = console
        self._clock = Clock(plan_length, guess_s)
        self._bar = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("[bold]{task.fields[topology]}[/bold] {task.fields[phase]}"),
            TextColumn("{task.fields[now]}"),
            TextColumn("[dim]{task.fields[left]}[/dim]"),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=plan_length, topology="", phase="", now="", left="")

    def begin(self, planned: PlannedTrial) -> None:
        """Show what runs now."""
        self._bar.update(self._task, topology=planned.topology.name, phase="", now="", left=self._left())

    def progress(self, progress: TrialProgress) -> None:
        """Show the phase, and the newest figures when there are new ones."""
        self._bar.update(self._task, phase=progress.phase.value, left=self._left())
        if progress.second is not None:
            self._bar.update(self._task, now=current_text(progress.second))

    def end(self, record: TrialRecord) -> None:
        """Leave one line behind."""
        self._clock.trial_ended()
        self._bar.advance(self._task)
        style = {"ok": "", "invalid": "yellow", "failed": "red"}[record.status]
        self._console.print(result_line(record), style=style, markup=False, highlight=False, soft_wrap=True)

    def _left(self) -> str:
        return f"{duration_text(round(self._clock.left_s()))} left"

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def current_text(second: Second) -> str:
    """The newest second: requests/s and p99."""
    p99 = "nothing completed" if second.p99_ms is None else f"p99 {ms_text(second.p99_ms)}"
    return f"{rate_text(second.requests_per_s)} requests/s  {p99}"


def result_line(record: TrialRecord) -> str:
    """One ended trial in one line."""
    name = f"round {record.block}  {record.topology:<14}"
    if record.status != "ok" or record.load is None:
        return f"{name} {record.status}: {record.reason}"
    load = record.load
    p99 = "" if load.latency_ms is None else f"  p99 {ms_text(load.latency_ms.p99)}"
    errors = f"  {load.errors.total} errors" if load.errors.total else ""
    return f"{name} {rate_text(load.requests_per_s):>9} requests/s{p99}{errors}"


def plan_table(scenario: Scenario, plan: tuple[PlannedTrial, ...], seed: int) -> Table:
    """The plan of a dry run: a row a round."""
    guess_s = len(plan) * trial_s(scenario.load)
    table = Table(title=f"{scenario.name}: {len(plan)} trials, about {duration_text(guess_s)}, seed {seed}")
    table.add_column("round", justify="right")
    table.add_column("topologies, in order")
    for block in range(1, scenario.rounds + 1):
        table.add_row(str(block), "  ".join(planned.topology.name for planned in plan if planned.block == block))
    return table
