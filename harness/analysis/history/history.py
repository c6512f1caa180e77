"""One metric of one topology, run after run: each against the one before it, and where the level changed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

from harness.analysis.comparison import Comparison, Pairs, margin_of
from harness.analysis.history.alike import why_apart
from harness.analysis.history.runs import METRICS, PastRun
from harness.analysis.metrics import MEMORY, Metric, metrics_of
from harness.analysis.unpaired import set_apart
from harness.scenario import ScenarioError
from harness.stats.changes import change_points, levels
from harness.stats.estimate import Estimate, mean_over_trials
from harness.stats.sequential import SINGLE_LOOK
from harness.stats.verdict import judge

UNMEASURED: Final = "not measured"
OTHER_MEMORY: Final = "memory counted otherwise"


@dataclass(frozen=True)
class HistoryEntry:
    """One run. ``estimate`` is None where nothing was measured, ``apart`` why it is not compared;
    ``comparison`` is that with the compared run before it, of which there is none for the first. All comparisons of a
    series are judged together."""

    run: PastRun
    estimate: Estimate | None
    apart: str | None = None
    comparison: Comparison | None = None


@dataclass(frozen=True)
class LevelShift:
    """From the run ``at`` on, the level is ``now`` and no more what it ``was`` until ``before``, in the metric's
    unit."""

    before: PastRun
    at: PastRun
    was: float
    now: float


@dataclass(frozen=True)
class History:
    """All runs of a scenario, oldest first; those are compared that are such as the newest that was measured."""

    scenario: str
    topology: str
    metric: Metric
    rows: tuple[HistoryEntry, ...]

    @property
    def compared(self) -> list[PastRun]:
        """The runs that are set beside each other."""
        return [row.run for row in self.rows if row.apart is None]

    @property
    def figures(self) -> list[float]:
        """Their estimates."""
        return [row.estimate.value for row in self.rows if row.apart is None and row.estimate]

    @cached_property
    def changes(self) -> list[LevelShift]:
        """Where the level changed."""
        runs, at = self.compared, change_points(self.figures)
        heights = levels(self.figures, at) if at else []
        return [
            LevelShift(runs[index - 1], runs[index], was, now)
            for index, was, now in zip(at, heights, heights[1:], strict=False)
        ]

    def is_change(self, row: HistoryEntry) -> bool:
        """Whether the level changed with this run."""
        return any(change.at is row.run for change in self.changes)


def histories(
    runs: Sequence[PastRun], scenario: str | None = None, topology: str | None = None, metric: str | None = None
) -> list[History]:
    """That of every scenario, or of the one that is named, from its runs (oldest first): of the newest run's baseline,
    by the metric that decides there, unless others are named. Raises ScenarioError, saying what there is, for a name
    that nothing has."""
    of = {name: [run for run in runs if run.scenario.name == name] for name in _names(runs)}
    if scenario is not None:
        _check_known("scenario", scenario, of)
        of = {scenario: of[scenario]}
    if topology is not None:
        _check_known("topology", topology, (name for group in of.values() for run in group for name in run.topologies))
        of = {name: group for name, group in of.items() if any(topology in run.topologies for run in group)}
    if metric is not None:
        _check_known("metric", metric, (each.name for each in METRICS))
    return [_history(group, topology, metric) for group in of.values()]


def _names(runs: Sequence[PastRun]) -> Iterable[str]:
    return dict.fromkeys(run.scenario.name for run in runs)


def _check_known(kind: str, name: str, known: Iterable[str]) -> None:
    there = dict.fromkeys(known)
    if name not in there:
        raise ScenarioError(f"no {kind} named {name}; there are: {', '.join(there)}")


def _history(runs: Sequence[PastRun], topology: str | None, metric: str | None) -> History:
    newest = runs[-1].scenario
    name = topology or newest.baseline.title
    judged = next((each for each in METRICS if each.name == metric), metrics_of(newest)[0])
    return History(newest.name, name, judged, tuple(_rows(runs, name, judged)))


def _rows(runs: Sequence[PastRun], topology: str, metric: Metric) -> Iterator[HistoryEntry]:
    reference = _reference(runs, topology, metric)
    apart = {run.name: _why_apart(run, reference, topology, metric) for run in runs}
    comparisons = _compare([run for run in runs if apart[run.name] is None], topology, metric)
    for run in runs:
        figures = run.figures_of(topology, metric)
        estimate = mean_over_trials(figures) if figures else None
        yield HistoryEntry(run, estimate, apart[run.name], comparisons.get(run.name))


def _why_apart(run: PastRun, reference: PastRun, topology: str, metric: Metric) -> str | None:
    if why := why_apart(run, reference, topology):
        return why
    if not run.figures_of(topology, metric):
        return UNMEASURED
    return OTHER_MEMORY if metric is MEMORY and run.is_proportional != reference.is_proportional else None


def _compare(runs: Sequence[PastRun], topology: str, metric: Metric) -> dict[str, Comparison]:
    """Return the comparison of each run with the one before it, by name: a family, whose level they share."""
    pairs = dict[str, Pairs]()
    for before, run in pairwise(runs):
        was, now = (each.figures_of(topology, metric) for each in (before, run))
        pairs[run.name] = set_apart(metric, was, now, margin_of(metric, (), run.scenario.margin))
    judgements = judge({name: each.evidence for name, each in pairs.items()}, SINGLE_LOOK)
    return {name: Comparison(topology, pairs[name], judgement) for name, judgement in judgements.items()}


def _reference(runs: Sequence[PastRun], topology: str, metric: Metric) -> PastRun:
    """The newest run that was measured or, where none was, the newest that was to be."""
    known = [run for run in reversed(runs) if topology in run.topologies]
    return next((run for run in known if run.figures_of(topology, metric) and not run.is_edited), known[0])
