"""The heat maps of all grids: each figure of all cells, darker where it is better."""

from typing import Final

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from harness.analysis.run import RunAnalysis
from harness.report.charts.heat_map import SHADES, GridMaps, HeatCell, HeatMap, grid_maps
from harness.report.charts.pictures.style import make_figure

ABREAST: Final = 3  # maps beside each other
COLOURS: Final = colormaps["Blues"]
LIGHTEST, DARKEST = 0.08, 0.72
DARK: Final = 6  # the shade from which on text is white


def draw(analysis: RunAnalysis) -> Figure:
    """Return a figure with a map for each figure of each grid. The best cell has a frame, those as good a thin one."""
    grids = grid_maps(analysis)
    lines = [(grid, grid.maps[at : at + ABREAST]) for grid in grids for at in range(0, len(grid.maps), ABREAST)]
    width_in = max(7.5, ABREAST * (1.3 + 0.75 * max(len(grid.columns) for grid in grids)))
    height_in = 0.6 + sum(1.0 + 0.42 * len(grid.rows) for grid, _ in lines)
    figure = make_figure(f"{analysis.run.scenario.name}: grid (darker is better)", width_in, height_in)
    heights = [1.0 + 0.42 * len(grid.rows) for grid, _ in lines]
    panels = figure.subplots(len(lines), ABREAST, squeeze=False, height_ratios=heights)
    for line, (grid, maps) in zip(panels, lines, strict=True):
        for number, axes in enumerate(line):
            if number < len(maps):
                _draw_map(axes, grid, maps[number], is_first=number == 0)
            else:
                axes.set_axis_off()
    return figure


def _draw_map(axes: Axes, grid: GridMaps, heat: HeatMap, is_first: bool) -> None:
    axes.set_title(heat.title, fontsize=10, loc="left")
    for row, cells in enumerate(heat.cells):
        for column, cell in enumerate(cells):
            _draw_cell(axes, column, row, cell)
    axes.set_xlim(-0.5, len(grid.columns) - 0.5)
    axes.set_ylim(len(grid.rows) - 0.5, -0.5)
    axes.set_xticks(range(len(grid.columns)), grid.columns)
    axes.set_yticks(range(len(grid.rows)), grid.rows if is_first else [""] * len(grid.rows))
    axes.set_xlabel(grid.across)
    axes.set_ylabel(grid.down if is_first else "")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_cell(axes: Axes, column: int, row: int, cell: HeatCell) -> None:
    place = (column - 0.5, row - 0.5)
    if cell.shade is not None:
        depth = LIGHTEST + (DARKEST - LIGHTEST) * cell.shade / SHADES
        axes.add_patch(Rectangle(place, 1, 1, facecolor=COLOURS(depth), edgecolor="white", linewidth=1))
    if cell.is_best or cell.is_near_best:
        inset = (place[0] + 0.04, place[1] + 0.06)
        width = 2.2 if cell.is_best else 1.0
        axes.add_patch(Rectangle(inset, 0.92, 0.88, facecolor="none", edgecolor="black", linewidth=width, zorder=3))
    colour = "white" if cell.shade is not None and cell.shade >= DARK else "black"
    text = f"{cell.text} {cell.mark}".strip()
    axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
