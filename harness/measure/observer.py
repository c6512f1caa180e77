"""The observers of a run, such as the displays of its progress."""

from collections.abc import Sequence

from harness.analysis.capacity import Capacity
from harness.analysis.comparison import Comparisons
from harness.doctor.check import Check
from harness.measure.progress import Progress
from harness.record import PlannedTrial, TrialRecord
from harness.stats.race import Standing


class Observer:
    """The base class of all observers, which ignores every event."""

    def on_checks(self, checks: Sequence[Check]) -> None:
        """Receive the checks of the machine, before the first trial."""

    def on_trial(self, planned: PlannedTrial) -> None:
        """Receive the trial that begins."""

    def on_progress(self, progress: Progress) -> None:
        """Receive the state of the trial whenever it changes."""

    def on_record(self, record: TrialRecord) -> None:
        """Receive the record of the trial, after it was written to disk."""

    def on_comparisons(self, rounds: int, comparisons: Comparisons) -> None:
        """Receive the comparisons over all rounds so far, after each round."""

    def on_dropped(self, dropped: Sequence[Standing]) -> None:
        """Receive the topologies that get no more rounds from now on, after each round; mostly none."""

    def on_capacities(self, rounds: int, capacities: Sequence[Capacity]) -> None:
        """Receive the capacities over all rounds so far, after each round of a search."""
