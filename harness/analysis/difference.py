"""Two runs side by side, topology by topology: for what was not measured in turn."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from harness.analysis.comparison import Comparison, Pairs, margin_of
from harness.analysis.metric_rows import MetricComparison, figure
from harness.analysis.metrics import Metric, metrics_of, metrics_of_requests
from harness.analysis.trials import Trial, valid_trials
from harness.analysis.unpaired import figures_of, set_apart
from harness.machine.environment import differences
from harness.record import Program, Run
from harness.stats.sequential import SINGLE_LOOK
from harness.stats.verdict import judge

OF_THE_COMMIT: Final = ("git_commit", "git_changes", "git_dirty")  # which are what is compared


def rows_across(base: Run, head: Run) -> list[MetricComparison]:
    """Return every figure of every topology of the head, beside that of the same name in the base; and of those that
    the head does not have, that they were not measured. All comparisons are judged together."""
    names = dict.fromkeys(topology.title for run in (head, base) for topology in run.scenario.topologies)
    trials = {name: _trials_of_both(base, head, name) for name in names}
    pairs = dict[tuple[str, str], Pairs]()
    for name, sides in trials.items():
        for metric in metrics_of(head.scenario):
            figures = [figures_of(side, metric) for side in sides]
            if all(figures):
                margin = margin_of(metric, sides[0], head.scenario.margin)
                pairs[name, metric.name] = set_apart(metric, figures[0], figures[1], margin)
    judged = judge({key: each.evidence for key, each in pairs.items()}, SINGLE_LOOK)
    comparisons = {key: Comparison(key[0], pairs[key], judgement) for key, judgement in judged.items()}
    return [
        _row(name, metric, *trials[name], comparisons.get((name, metric.name)))
        for name in names
        for metric in metrics_of(head.scenario)
    ]


def request_rows_across(base: Run, head: Run) -> list[MetricComparison]:
    """Return the figures of the requests of a mix beside those of the base, as far as no gate has them judged."""
    names = dict.fromkeys(topology.title for run in (head, base) for topology in run.scenario.topologies)
    return [
        _row(name, metric, *_trials_of_both(base, head, name), None)
        for name in names
        for metric in metrics_of_requests(head.scenario)
    ]


def unlike_loads(base: Run, head: Run) -> list[str]:
    """In what the loads differ, in words: runs that were asked different questions have no common answer."""
    before, after = (run.scenario.load.model_dump() for run in (base, head))
    return [f"{name}: {before[name]!r:.60} and {after[name]!r:.60}" for name in before if before[name] != after[name]]


def unlike_machines(base: Run, head: Run) -> list[str]:
    """In what machine and software differ, in words."""
    return differences(base.environment, head.environment, but=OF_THE_COMMIT)


def unlike_programs(base: Run, head: Run) -> list[str]:
    """In which programs they differ, in words, as far as both were recorded: of those with several versions or files in
    one run, as two commits may have, all are told."""
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
    """With memory of one kind: proportional where both have that."""
    before, after = _trials(base, title), _trials(head, title)
    is_proportional = all(trial.is_proportional for trial in before + after)
    alike = [[replace(trial, is_proportional=is_proportional) for trial in trials] for trials in (before, after)]
    return alike[0], alike[1]


def _trials(run: Run, title: str) -> list[Trial]:
    """Of two commits in one run, those of the head."""
    names = [each.name for each in run.scenario.topologies if each.title == title]
    return list(valid_trials(run.records, names[-1])) if names else []


def _row(
    name: str, metric: Metric, before: Sequence[Trial], after: Sequence[Trial], found: Comparison | None
) -> MetricComparison:
    row = MetricComparison(name, "base", metric, figure(before, metric), figure(after, metric))
    return replace(row, change=found.change, verdict=found.verdict, comparison=found) if found else row


def warnings_of(base: Run, head: Run) -> Iterator[str]:
    """What weakens the comparison, each a sentence."""
    yield "The two runs were not made in turn: what the machine was like on either day is in the difference."
    for difference in unlike_machines(base, head):
        yield f"They were not made on the same machine: {difference}."
    for difference in unlike_programs(base, head):
        yield f"They did not run the same programs: {difference}."
    for name, run in (("base", base), ("head", head)):
        if not run.is_whole:
            yield f"The {name} was cut short."
        if run.is_edited:
            yield f"The scenario of the {name} is not what it was when it began."
        if run.left_out:
            yield f"Of the {name}, {len(run.left_out)} records are left out, since they can't be relied on."
