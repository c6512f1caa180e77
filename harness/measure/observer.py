"""Who is told how a run goes: displays, and whatever else wants to know."""

from collections.abc import Sequence

from harness.analysis.capacity import Capacity
from harness.analysis.comparison import Comparisons
from harness.doctor.check import Check
from harness.measure.trial import Progress
from harness.record import PlannedTrial, TrialRecord


class Observer:
    """The base of all observers: it ignores everything."""

    def on_checks(self, checks: Sequence[Check]) -> None:
        """Take what the machine looks like, before the first trial."""

    def on_trial(self, planned: PlannedTrial) -> None:
        """Take which trial begins."""

    def on_progress(self, progress: Progress) -> None:
        """Take how far it is."""

    def on_record(self, record: TrialRecord) -> None:
        """Take what came of it, which is on disk."""

    def on_comparisons(self, rounds: int, comparisons: Comparisons) -> None:
        """Take what all rounds of a comparison say, after each of them."""

    def on_capacities(self, rounds: int, capacities: Sequence[Capacity]) -> None:
        """Take what all rounds of a search say, after each of them."""
