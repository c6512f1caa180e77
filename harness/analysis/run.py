"""What a run comes to, computed once."""

from collections.abc import Sequence
from functools import cached_property

from harness.analysis.comparison import Comparisons, compare_trials
from harness.analysis.gates import GateResult, evaluate_gates
from harness.analysis.metric_rows import MetricComparison, request_rows_of, rows_of
from harness.analysis.scaling import FamilyScaling, scaling_of
from harness.analysis.trials import Trials, trials_of
from harness.record import Run
from harness.stats.sequential import InterimLooks


class RunAnalysis:
    """A run with all that follows from its records: each is computed when it is first asked for, and then known."""

    def __init__(self, run: Run) -> None:
        self.run = run

    @cached_property
    def trials(self) -> Trials:
        """The trials that count, by topology: the same objects for everybody, since they know what limited them."""
        return trials_of(self.run.records, [topology.name for topology in self.run.scenario.topologies])

    @cached_property
    def comparisons(self) -> Comparisons:
        """Every topology against its baseline, by every metric."""
        return compare_trials(self.run.scenario, InterimLooks(self.run.info.looks), self.trials)

    @cached_property
    def rows(self) -> Sequence[MetricComparison]:
        """Every figure of every topology beside that of what it is compared with."""
        return rows_of(self.run, self.trials, self.comparisons)

    @cached_property
    def request_rows(self) -> Sequence[MetricComparison]:
        """The figures of each request of a mix that are not judged, and so not among the others."""
        return request_rows_of(self.run, self.trials)

    @cached_property
    def rulings(self) -> Sequence[GateResult]:
        """What the gates of the run's scenario say."""
        return evaluate_gates(self.run.scenario.gate.gates, self.rows)

    @cached_property
    def scaling(self) -> Sequence[FamilyScaling]:
        """How each family of clusters scales; of two commits, whose clusters are not compared with each other, none."""
        if self.run.scenario.is_of_two_commits:
            return ()
        return scaling_of(self.run.scenario, self.trials, self.comparisons)
