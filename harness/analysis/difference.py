"""Two runs beside each other, topology by topology: for what was not measured in the same rounds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Final, Self

from harness.analysis.comparison import Comparison, Pairs, judge_together, margin_of
from harness.analysis.gates import GateResult, evaluate_gates
from harness.analysis.metric_rows import MetricComparison, mean_figure
from harness.analysis.metrics import Metric, decisive_metrics, metrics_of, metrics_of_requests
from harness.analysis.trials import Trial, valid_trials
from harness.analysis.unpaired import compare_unpaired, figures_of
from harness.machine.environment import find_differences
from harness.record import Program, Run
from harness.scenario import Scenario
from harness.stats.sequential import SINGLE_LOOK
from harness.units import duration_text

COMMIT_FIELDS: Final = ("git_commit", "git_changes", "git_dirty")  # of an environment: two commits differ in them


@dataclass(frozen=True)
class RunDifference:
    """The difference between two runs, ``head`` judged against ``base``. Each part is computed at first use and then
    kept. Metrics, margins and gates are those of the head's scenario."""

    base: Run
    head: Run

    def with_scenario(self, scenario: Scenario) -> Self:
        """Return the same difference with another scenario of the head, such as one with other gates."""
        return replace(self, head=self.head.with_scenario(scenario))

    @property
    def has_common_topologies(self) -> bool:
        """True if a topology is in both runs."""
        base, head = ({each.title for each in run.scenario.topologies} for run in (self.base, self.head))
        return not base.isdisjoint(head)

    @cached_property
    def load_differences(self) -> list[str]:
        """The differences between the loads, in words. Runs of different loads have no common answer."""
        before, after = (run.scenario.load.model_dump() for run in (self.base, self.head))
        return [
            f"{name}: {before[name]!r:.60} and {after[name]!r:.60}" for name in before if before[name] != after[name]
        ]

    @cached_property
    def warnings(self) -> list[str]:
        """The reasons to trust the difference less, each a sentence."""
        return [*_warnings(self.base, self.head), *(f"The loads differ: {each}." for each in self.load_differences)]

    @cached_property
    def rows(self) -> list[MetricComparison]:
        """The figures of every topology by every judged metric, beside those of the same name in the base.

        A topology that only the base has is listed as not measured. All comparisons are judged together.
        """
        metrics, pairs = metrics_of(self.head.scenario), dict[tuple[str, str], Pairs]()
        for name, sides in self._trials.items():
            for metric in metrics:
                figures = [figures_of(side, metric) for side in sides]
                if all(figures):
                    margin = margin_of(metric, sides[0], self.head.scenario.margin)
                    pairs[name, metric.name] = compare_unpaired(metric, figures[0], figures[1], margin)
        judgements = judge_together(pairs, SINGLE_LOOK, decisive_metrics(metrics))
        comparisons = {key: Comparison(key[0], pairs[key], judgement) for key, judgement in judgements.items()}
        return [
            _row(name, metric, *sides, comparisons.get((name, metric.name)))
            for name, sides in self._trials.items()
            for metric in metrics
        ]

    @cached_property
    def request_rows(self) -> list[MetricComparison]:
        """The figures of each request of a mix that no gate limits, beside those of the base. They are not judged."""
        metrics = metrics_of_requests(self.head.scenario)
        return [_row(name, metric, *sides, None) for name, sides in self._trials.items() for metric in metrics]

    @cached_property
    def gate_results(self) -> Sequence[GateResult]:
        """The results of the head's gates."""
        return evaluate_gates(self.head.scenario.gate.gates, self.rows)

    @cached_property
    def _trials(self) -> dict[str, tuple[list[Trial], list[Trial]]]:
        """The trials of base and head that count, by topology: the head's topologies first."""
        names = dict.fromkeys(topology.title for run in (self.head, self.base) for topology in run.scenario.topologies)
        return {name: _trials_of_both(self.base, self.head, name) for name in names}


def _warnings(base: Run, head: Run) -> Iterator[str]:
    yield "The two runs were not made in turn: what the machine was like on either day is in the difference."
    for difference in find_differences(base.environment, head.environment, but=COMMIT_FIELDS):
        yield f"They were not made on the same machine: {difference}."
    for difference in _program_differences(base, head):
        yield f"They did not run the same programs: {difference}."
    mallocs = [{each.title: each.malloc for each in run.scenario.topologies} for run in (base, head)]
    for name in mallocs[0].keys() & mallocs[1].keys():
        if mallocs[0][name] != mallocs[1][name]:
            yield f"{name} had another malloc: {mallocs[0][name]} then, {mallocs[1][name]} now."
    then, now = (_turns_text(run) for run in (base, head))
    if then != now:
        yield f"Servers that are stopped between turns take more CPU: they had {then} then, {now} now."
    for name, run in (("base", base), ("head", head)):
        if not run.is_whole:
            yield f"The {name} was cut short."
        if run.is_edited:
            yield f"The scenario of the {name} is not what it was when it began."
        if run.left_out:
            yield f"Of the {name}, {len(run.left_out)} records are left out, since they can't be relied on."


def _turns_text(run: Run) -> str:
    turn_s = run.info.interleaving.turn_s
    return "no turns" if turn_s is None else f"turns of {duration_text(turn_s)}"


def _program_differences(base: Run, head: Run) -> list[str]:
    """Return in words which programs differ, of those that both runs recorded.

    A program may have several versions or files in one run, as two commits may: then all of them are listed.
    """
    before, after = (
        {
            name: ", ".join(sorted({f"{each.version or each.unknown} ({each.path})" for each in group}))
            for name, group in groupby(sorted(run.info.programs, key=_name), key=_name)
        }
        for run in (base, head)
    )
    both = before.keys() & after.keys()
    return [f"{name} {before[name]} then, {after[name]} now" for name in sorted(both) if before[name] != after[name]]


def _name(program: Program) -> str:
    return program.name


def _trials_of_both(base: Run, head: Run, title: str) -> tuple[list[Trial], list[Trial]]:
    """Return both runs' trials of a topology, with memory of one kind: proportional where both have that."""
    before, after = _trials(base, title), _trials(head, title)
    is_proportional = all(trial.is_proportional for trial in before + after)
    alike = [[replace(trial, is_proportional=is_proportional) for trial in trials] for trials in (before, after)]
    return alike[0], alike[1]


def _trials(run: Run, title: str) -> list[Trial]:
    """Return the run's trials of a topology; in a run of two commits, those of its head."""
    names = [each.name for each in run.scenario.topologies if each.title == title]
    return list(valid_trials(run.records, names[-1])) if names else []


def _row(
    name: str, metric: Metric, before: Sequence[Trial], after: Sequence[Trial], comparison: Comparison | None
) -> MetricComparison:
    row = MetricComparison(name, "base", metric, mean_figure(before, metric), mean_figure(after, metric))
    if comparison is None:
        return row
    return replace(row, change=comparison.change, verdict=comparison.verdict, comparison=comparison)
