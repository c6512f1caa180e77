"""One analysed run: everything that follows from its records, each part computed once."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from harness.analysis.capacity import Capacity, capacities
from harness.analysis.comparison import Comparisons, compare_trials
from harness.analysis.gates import GateResult, evaluate_gates
from harness.analysis.grid import GridAnalysis, grids_of
from harness.analysis.metric_rows import MetricComparison, request_rows_of, rows_of
from harness.analysis.race import find_dropped
from harness.analysis.scaling import FamilyScaling, scaling_of
from harness.analysis.summary import TopologySummary, summarise
from harness.analysis.trials import Trials, trials_of
from harness.record import Run
from harness.stats.race import Standing
from harness.stats.sequential import InterimLooks


class RunAnalysis:
    """A run with the results that follow from its records. Each is computed at first use and then kept."""

    def __init__(self, run: Run) -> None:
        self.run = run

    @cached_property
    def trials(self) -> Trials:
        """The trials that count, by topology. All readers share the same objects, which cache what limited them."""
        return trials_of(self.run.records, [topology.name for topology in self.run.scenario.topologies])

    @cached_property
    def comparisons(self) -> Comparisons:
        """The comparisons of every topology with its baseline, by every metric."""
        return compare_trials(self.run.scenario, InterimLooks(self.run.looks), self.trials)

    @cached_property
    def rows(self) -> Sequence[MetricComparison]:
        """The figures of every topology by every judged metric, each beside its baseline's."""
        return rows_of(self.run, self.trials, self.comparisons)

    @cached_property
    def request_rows(self) -> Sequence[MetricComparison]:
        """The figures of each request of a mix that no gate limits. They are not judged, and not among ``rows``."""
        return request_rows_of(self.run, self.trials)

    @cached_property
    def gate_results(self) -> Sequence[GateResult]:
        """The results of the scenario's gates."""
        return evaluate_gates(self.run.scenario.gate.gates, self.rows)

    @cached_property
    def summaries(self) -> list[TopologySummary]:
        """The summary of every topology of the run, in the scenario's order."""
        return summarise(self.run, self.trials, self.comparisons)

    @cached_property
    def measured_summaries(self) -> list[TopologySummary]:
        """The summaries of the topologies with at least one trial that counts."""
        return [summary for summary in self.summaries if summary.trials]

    @cached_property
    def grids(self) -> Sequence[GridAnalysis]:
        """The grids of the scenario with more than one axis."""
        return list(grids_of(self.run.scenario, self.trials, self.summaries))

    @cached_property
    def dropped(self) -> Mapping[str, Standing]:
        """The topologies that got no more rounds, by name, with where they stood when they were dropped."""
        if self.run.is_search:
            return {}
        return {each.candidate: each for each in find_dropped(self.run.scenario, self.run.records)}

    @cached_property
    def capacities(self) -> list[Capacity]:
        """The capacity of each topology in a search for it. Empty for a comparison."""
        return capacities(self.run) if self.run.is_search else []

    @cached_property
    def scaling(self) -> Sequence[FamilyScaling]:
        """The scaling of each family of clusters. Empty for pairs, which do not compare clusters."""
        if self.run.scenario.is_of_pairs:
            return ()
        return scaling_of(self.run.scenario, self.trials, self.comparisons)
