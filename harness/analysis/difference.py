"""Two runs side by side, topology by topology: the weak form of a comparison, of what was not measured in turn."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from harness.analysis.across import compare_across, figures_of
from harness.analysis.measured import Measured, measured
from harness.analysis.metrics import ERRORS, Metric, metrics_of
from harness.analysis.rows import Row, figure, shown_metrics
from harness.environment import differences
from harness.record import Program, Run

OF_THE_COMMIT: Final = ("git_commit", "git_changes", "git_dirty")  # which are what is compared


def rows_across(base: Run, head: Run) -> list[Row]:
    """Every figure of every topology of the head, beside that of the same name in the base; and of those that the head
    does not have, that they were not measured."""
    return [
        _row(name, metric, *_trials_of_both(base, head, name), head.scenario.margin, metric in judged)
        for judged in [metrics_of(head.scenario.load)]
        for name in dict.fromkeys(topology.title for run in (head, base) for topology in run.scenario.topologies)
        for metric in shown_metrics(head.scenario.load)
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


def _trials_of_both(base: Run, head: Run, title: str) -> tuple[list[Measured], list[Measured]]:
    """With memory of one kind: proportional where both have that."""
    before, after = _trials(base, title), _trials(head, title)
    is_proportional = all(trial.is_proportional for trial in before + after)
    alike = [[replace(trial, is_proportional=is_proportional) for trial in trials] for trials in (before, after)]
    return alike[0], alike[1]


def _trials(run: Run, title: str) -> list[Measured]:
    """Of two commits in one run, those of the head."""
    names = [each.name for each in run.scenario.topologies if each.title == title]
    return [trial for trial in measured(run.records, names[-1]) if trial.supports_verdicts] if names else []


def _row(
    name: str, metric: Metric, before: Sequence[Measured], after: Sequence[Measured], margin: float, is_judged: bool
) -> Row:
    row = Row(name, "base", metric, figure(before, metric), figure(after, metric))
    figures = figures_of(before, metric), figures_of(after, metric)
    if metric is ERRORS or not all(figures):
        return row
    found = compare_across(*figures, metric, margin)
    return replace(row, ratio=found.ratio, verdict=found.verdict if is_judged else None)


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
