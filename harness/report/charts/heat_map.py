"""The heat maps of a grid: one for each figure, with a cell for each combination of values."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from itertools import product
from math import log
from typing import Final

from harness.analysis.grid import GridAnalysis, Place
from harness.analysis.metrics import CPU, MEMORY, P50, P99, THROUGHPUT, Metric
from harness.analysis.run import RunAnalysis
from harness.analysis.summary import TopologySummary
from harness.scenario.grid import WORKERS
from harness.stats.verdict import Verdict
from harness.units import ms_text, rate_text, size_text

SHADES: Final = 8  # steps from the worst cell to the best
LEAST_SPREAD: Final = 1.25  # of the best over the worst, for the full range of shades: else noise would be painted
DROPPED: Final = "×"
MARKS: Final = {Verdict.BETTER: "▲", Verdict.WORSE: "▼", Verdict.EQUIVALENT: "=", Verdict.INCONCLUSIVE: "?"}


@dataclass(frozen=True)
class HeatCell:
    """One cell: its figure as text, with a mark for the verdict on it beside the baseline, if there is one. ``shade``
    goes from 0, the worst, to SHADES, the best; None for what has no figure."""

    text: str
    shade: int | None = None
    verdict: Verdict | None = None
    is_best: bool = False
    is_near_best: bool = False
    is_dropped: bool = False

    @property
    def mark(self) -> str:
        """The mark of the verdict or, where a cell was dropped before there was one, of that; empty without either."""
        if self.is_dropped and self.verdict is Verdict.INCONCLUSIVE:
            return DROPPED
        return MARKS[self.verdict] if self.verdict else ""


@dataclass(frozen=True)
class HeatMap:
    """One figure of all cells, row by row."""

    title: str
    cells: tuple[tuple[HeatCell, ...], ...]


@dataclass(frozen=True)
class GridMaps:
    """The maps of one grid, which share rows and columns: values of the axis ``across``, and of all others together."""

    name: str
    across: str
    down: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    maps: tuple[HeatMap, ...]


@dataclass(frozen=True)
class _MappedFigure:
    """A figure that has a map. The verdict on it is that of its ``metric``, where it has one."""

    title: str
    of: Callable[[TopologySummary], float | None]
    text: Callable[[float], str]
    more_is_better: bool = False
    metric: Metric | None = None


_LATENCIES: Final = (
    _MappedFigure("p50", lambda s: s.latency_ms.p50 if s.latency_ms else None, ms_text, metric=P50),
    _MappedFigure("p99", lambda s: s.latency_ms.p99 if s.latency_ms else None, ms_text, metric=P99),
)
_RATE: Final = _MappedFigure(
    "requests/s",
    lambda s: s.requests_per_s.value if s.requests_per_s else None,
    rate_text,
    more_is_better=True,
    metric=THROUGHPUT,
)
_COSTS: Final = (
    _MappedFigure(
        "CPU/request",
        lambda s: s.cpu_ms_per_request.value if s.cpu_ms_per_request else None,
        ms_text,
        metric=CPU,
    ),
    _MappedFigure("memory", lambda s: s.memory_bytes, size_text, metric=MEMORY),
    _MappedFigure("cores busy", lambda s: s.server_cores, lambda cores: f"{cores:.2f}"),
)


def grid_maps(analysis: RunAnalysis) -> list[GridMaps]:
    """Return the maps of each grid, the deciding figure first. In an open loop the requests/s are what was offered, and
    have none."""
    rates = () if analysis.run.scenario.load.arrivals else (_RATE,)
    figures = (*rates, *(reversed(_LATENCIES) if not rates else _LATENCIES), *_COSTS)
    return [_map_grid(grid, figures, analysis.dropped) for grid in analysis.grids]


def _map_grid(grid: GridAnalysis, figures: tuple[_MappedFigure, ...], dropped: Container[str]) -> GridMaps:
    across = WORKERS if WORKERS in grid.axes else list(grid.axes)[-1]
    down = [axis for axis in grid.axes if axis != across]
    rows = list(product(*(grid.axes[axis] for axis in down)))
    places = [
        [_place(grid, dict(zip(down, row, strict=True)) | {across: column}) for column in grid.axes[across]]
        for row in rows
    ]
    return GridMaps(
        grid.name,
        across,
        " × ".join(down),
        tuple(map(str, grid.axes[across])),
        tuple(" × ".join(map(str, row)) for row in rows),
        tuple(_map_figure(grid, figure, places, dropped) for figure in figures),
    )


def _place(grid: GridAnalysis, values: Mapping[str, object]) -> Place | None:
    """Return the place of the cell with these values; None where the scenario leaves it out."""
    wanted = tuple(values[axis] for axis in grid.axes)
    return next((place for place in grid.cells if place == wanted), None)


def _map_figure(
    grid: GridAnalysis, figure: _MappedFigure, places: list[list[Place | None]], dropped: Container[str]
) -> HeatMap:
    known = [value for cell in grid.cells.values() if (value := figure.of(cell)) is not None and value > 0]

    def draw(place: Place | None) -> HeatCell:
        if place is None:
            return HeatCell("")
        cell = grid.cells[place]
        if (value := figure.of(cell)) is None:
            return HeatCell("not measured")
        found = cell.comparison(figure.metric) if figure.metric else None
        return HeatCell(
            figure.text(value),
            _shade(value, known, figure.more_is_better),
            found.verdict if found else None,
            cell.name == grid.race.leader,
            cell.name in grid.near_best,
            cell.name in dropped,
        )

    return HeatMap(figure.title, tuple(tuple(map(draw, row)) for row in places))


def _shade(value: float, known: list[float], more_is_better: bool) -> int | None:
    """Return the shade of a value among all that are known, on a scale of ratios."""
    if value <= 0:
        return None
    spread = max(log(max(known) / min(known)), log(LEAST_SPREAD))
    behind = log(max(known) / value) if more_is_better else log(value / min(known))
    return round(SHADES * (1 - behind / spread))
