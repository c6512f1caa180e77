"""The grids of a run: their cells, which of them is best, what each axis brings, and whether that adds up."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import nan

import numpy as np

from harness.analysis.metrics import Metric, metrics_of
from harness.analysis.race import race_topologies, take_logs
from harness.analysis.summary import TopologySummary
from harness.analysis.trials import Trials
from harness.scenario import Scenario
from harness.scenario.grid import CellValue
from harness.stats.factorial import Factorial, fit_effects
from harness.stats.race import Race

Place = tuple[CellValue, ...]  # the value on each axis


@dataclass(frozen=True)
class GridAnalysis:
    """One grid. ``axes`` are those with several values. ``cells`` are the topologies by their place, those that were
    not measured included; what the scenario leaves out is not among them. ``race`` is that of its cells alone.
    ``effects`` of the axes on the deciding ``metric`` are greater where it is better."""

    name: str
    metric: Metric
    axes: Mapping[str, tuple[CellValue, ...]]
    cells: Mapping[Place, TopologySummary]
    race: Race
    effects: Factorial | None

    @property
    def best(self) -> TopologySummary | None:
        """The cell that leads; None after too few rounds."""
        return next((cell for cell in self.cells.values() if cell.name == self.race.leader), None)

    @property
    def near_best(self) -> tuple[str, ...]:
        """The names of the cells that are not shown to be behind the best."""
        return tuple(each.candidate for each in self.race.others)

    @property
    def behind(self) -> tuple[str, ...]:
        """The names of the cells that are shown to be behind the best."""
        return tuple(each.candidate for each in self.race.dropped)

    @property
    def untold(self) -> tuple[TopologySummary, ...]:
        """The cells that were measured, and of which too few rounds are sound to hold them against the best."""
        told = {self.race.leader, *self.near_best, *self.behind}
        return tuple(cell for cell in self.cells.values() if cell.trials and cell.name not in told)


def grids_of(scenario: Scenario, trials: Trials, summaries: Sequence[TopologySummary]) -> Iterator[GridAnalysis]:
    """Yield the grids of a comparison with several values on at least two axes."""
    if scenario.is_of_pairs:
        return
    in_grids = [summary for summary in summaries if summary.topology.cell]
    for name, group in groupby(in_grids, key=_grid_name):
        members = list(group)
        axes = _find_axes(members)
        if len(axes) > 1:
            yield _analyse(scenario, trials, name, axes, members)


def _analyse(
    scenario: Scenario,
    trials: Trials,
    name: str,
    axes: Mapping[str, tuple[CellValue, ...]],
    members: Sequence[TopologySummary],
) -> GridAnalysis:
    metric = metrics_of(scenario)[0]
    return GridAnalysis(
        name,
        metric,
        axes,
        {tuple(_values_of(each)[axis] for axis in axes): each for each in members},
        race_topologies(scenario, trials, [each.name for each in members]),
        _fit(metric, trials, axes, [each for each in members if trials[each.name]]),
    )


def _fit(
    metric: Metric, trials: Trials, axes: Mapping[str, tuple[CellValue, ...]], members: Sequence[TopologySummary]
) -> Factorial | None:
    """Return the effects of the axes; None unless each value of each has been measured."""
    levels = [[values.index(_values_of(each)[axis]) for axis, values in axes.items()] for each in members]
    if any({level[at] for level in levels} != set(range(len(values))) for at, values in enumerate(axes.values())):
        return None
    logs = [take_logs(metric, trials[each.name]) for each in members]
    blocks = sorted(set().union(*logs))
    table = [[of.get(block, nan) for of in logs] for block in blocks]
    return fit_effects(np.array(table), levels) if blocks else None


def _find_axes(members: Sequence[TopologySummary]) -> dict[str, tuple[CellValue, ...]]:
    """Return the values of each axis that has several, in the order of the scenario."""
    names = _values_of(members[0])
    found = {name: tuple(dict.fromkeys(_values_of(each)[name] for each in members)) for name in names}
    return {name: values for name, values in found.items() if len(values) > 1}


def _grid_name(summary: TopologySummary) -> str:
    topology = summary.topology
    grid = topology.cell.grid if topology.cell else ""
    return grid if topology.connections is None else f"{grid} over {topology.connections:,} connections"


def _values_of(summary: TopologySummary) -> Mapping[str, CellValue]:
    return summary.topology.cell.values if summary.topology.cell else {}
