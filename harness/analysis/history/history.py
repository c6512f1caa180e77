"""One metric of one topology, run after run: each against the one before it, and where the level changed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

from harness.analysis.comparison import Comparison, Pairs, judge_together, margin_of
from harness.analysis.history.alike import find_mismatch
from harness.analysis.history.past_run import METRICS, PastRun
from harness.analysis.metrics import MEMORY, Metric, metrics_of
from harness.analysis.unpaired import compare_unpaired
from harness.scenario import ScenarioError
from harness.stats.changes import change_points, levels
from harness.stats.estimate import Estimate, mean_over_trials
from harness.stats.sequential import SINGLE_LOOK

UNMEASURED: Final = "not measured"
OTHER_MEMORY: Final = "memory counted otherwise"


@dataclass(frozen=True)
class HistoryEntry:
    """One run in a history. ``estimate`` is None where nothing was measured. ``mismatch`` is the reason why the run is
    not compared. ``comparison`` is that with the compared run before it; the first has none. All comparisons of a
    series are judged together."""

    run: PastRun
    estimate: Estimate | None
    mismatch: str | None = None
    comparison: Comparison | None = None


@dataclass(frozen=True)
class LevelShift:
    """A shift of the level: from the run ``at`` on it is ``now``, in the metric's unit; until ``before`` it ``was``
    another."""

    before: PastRun
    at: PastRun
    was: float
    now: float


@dataclass(frozen=True)
class History:
    """All runs of a scenario, oldest first. Those are compared that measured the same thing as the newest measured
    run."""

    scenario: str
    topology: str
    metric: Metric
    rows: tuple[HistoryEntry, ...]

    @property
    def compared_runs(self) -> list[PastRun]:
        """The runs that are compared."""
        return [row.run for row in self.rows if row.mismatch is None]

    @property
    def figures(self) -> list[float]:
        """The estimates of the compared runs."""
        return [row.estimate.value for row in self.rows if row.mismatch is None and row.estimate]

    @cached_property
    def changes(self) -> list[LevelShift]:
        """The shifts of the level."""
        runs, at = self.compared_runs, change_points(self.figures)
        heights = levels(self.figures, at) if at else []
        return [
            LevelShift(runs[index - 1], runs[index], was, now)
            for index, was, now in zip(at, heights, heights[1:], strict=False)
        ]

    def is_change(self, row: HistoryEntry) -> bool:
        """Return True if the level changed with this run."""
        return any(change.at is row.run for change in self.changes)


def histories(
    runs: Sequence[PastRun], scenario: str | None = None, topology: str | None = None, metric: str | None = None
) -> list[History]:
    """Return the history of every scenario, or of the named one, from its runs (oldest first).

    It is that of the newest run's baseline by the metric that decides there, unless others are named. Raises
    ScenarioError, with the known names, for one that nothing has.
    """
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
    mismatches = {run.name: _mismatch(run, reference, topology, metric) for run in runs}
    comparisons = _compare([run for run in runs if mismatches[run.name] is None], topology, metric)
    for run in runs:
        figures = run.figures_of(topology, metric)
        estimate = mean_over_trials(figures) if figures else None
        yield HistoryEntry(run, estimate, mismatches[run.name], comparisons.get(run.name))


def _mismatch(run: PastRun, reference: PastRun, topology: str, metric: Metric) -> str | None:
    """Return why the run can't be compared with the reference by the metric; None where it can."""
    if why := find_mismatch(run, reference, topology):
        return why
    if not run.figures_of(topology, metric):
        return UNMEASURED
    return OTHER_MEMORY if metric is MEMORY and run.is_proportional != reference.is_proportional else None


def _compare(runs: Sequence[PastRun], topology: str, metric: Metric) -> dict[str, Comparison]:
    """Return the comparison of each run with the one before it, by name. They are judged together, as one family."""
    pairs = dict[str, Pairs]()
    for before, run in pairwise(runs):
        was, now = (each.figures_of(topology, metric) for each in (before, run))
        pairs[run.name] = compare_unpaired(metric, was, now, margin_of(metric, (), run.scenario.margin))
    judgements = judge_together(pairs, SINGLE_LOOK)
    return {name: Comparison(topology, pairs[name], judgement) for name, judgement in judgements.items()}


def _reference(runs: Sequence[PastRun], topology: str, metric: Metric) -> PastRun:
    """Return the newest run that was measured or, where none was, the newest that has the topology."""
    known = [run for run in reversed(runs) if topology in run.topologies]
    return next((run for run in known if run.figures_of(topology, metric) and not run.is_edited), known[0])
