"""What the charts of the page have in common: the looks of the pictures in Bokeh's words, type, tools and hovering."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, Range1d
from bokeh.models.renderers import GlyphRenderer
from bokeh.models.ui import UIElement
from bokeh.plotting import figure
from bokeh.themes import Theme

from harness.report.charts.style import look
from harness.report.html.palette import INK, MUTED, PAPER, RULE
from harness.report.summary import TopologySummary

MARKERS: Final = {
    "o": "circle",
    "s": "square",
    "D": "diamond",
    "^": "triangle",
    "v": "inverted_triangle",
    "P": "plus",
    "X": "x",
    "*": "star",
}
DASHES: Final = {"-": "solid", "--": "dashed", "-.": "dashdot", ":": "dotted"}
TOOLBAR_CSS: Final = ".bk-divider { background: var(--rule); } @media print { :host { visibility: hidden; } }"
TOOLS: Final = "box_zoom,pan,wheel_zoom,reset,save"
GROUPED: Final = "0,0.[00]"  # figures along an axis
FONT: Final = "system-ui, sans-serif"
FONT_SIZE: Final = "12px"
THEME: Final = Theme(
    json={
        "attrs": {
            "Plot": {
                "background_fill_color": PAPER.light,
                "border_fill_color": PAPER.light,
                "border_line_color": None,
                "outline_line_color": None,
            },
            "Axis": {
                "axis_label_text_color": MUTED.light,
                "axis_label_text_font": FONT,
                "axis_label_text_font_size": FONT_SIZE,
                "axis_label_text_font_style": "normal",
                "axis_line_color": MUTED.light,
                "major_label_text_color": INK.light,
                "major_label_text_font": FONT,
                "major_label_text_font_size": FONT_SIZE,
                "major_tick_line_color": MUTED.light,
                "major_tick_in": 0,
                "minor_tick_line_color": None,
            },
            "Grid": {"grid_line_color": RULE.light, "grid_line_width": 0.6},
            "Legend": {
                "background_fill_color": None,
                "border_line_color": None,
                "label_text_color": INK.light,
                "label_text_font": FONT,
                "label_text_font_size": FONT_SIZE,
                "orientation": "horizontal",
                "click_policy": "hide",
                "padding": 0,
                "margin": 0,
                "spacing": 16,
                "label_standoff": 4,
            },
        }
    }
)
ROW_PX: Final = 58
AXIS_PX: Final = 90  # for the tools above and the labels below


Drawn: TypeAlias = "GlyphRenderer[Any]"  # generic in its stub only


@dataclass(frozen=True)
class Chart:
    """One chart, with what it shows in words."""

    title: str
    about: str
    plot: UIElement


@dataclass(frozen=True)
class GlyphStyle:
    """How one topology appears in every chart, in Bokeh's words."""

    colour: str
    marker: str
    dashes: str


def looks(index: int) -> GlyphStyle:
    """The appearance of the topology at this place."""
    style = look(index)
    return GlyphStyle(style.colour, MARKERS[style.marker], DASHES[style.dashes])


def plot(**properties: Any) -> figure:
    """An empty plot as wide as its place. Dragging and scrolling are left to the page until a tool is chosen."""
    made = figure(
        sizing_mode="stretch_width",
        toolbar_location="above",
        tools=TOOLS,
        active_drag=None,
        active_scroll=None,
        **properties,
    )
    made.toolbar.logo = None
    made.toolbar.stylesheets = [TOOLBAR_CSS]
    return made


def rows_plot(summaries: Sequence[TopologySummary], **properties: Any) -> figure:
    """A row a topology, the first on top, so that long names fit on a narrow screen too."""
    rows = len(summaries)
    made = plot(height=AXIS_PX + ROW_PX * rows, y_range=Range1d(start=rows - 0.45, end=-0.55), **properties)
    made.yaxis.ticker = FixedTicker(ticks=list(range(rows)))
    made.yaxis.major_label_overrides = {row: summary.name for row, summary in enumerate(summaries)}
    made.yaxis.major_tick_line_color = None
    made.yaxis.axis_line_color = None
    made.ygrid.visible = False
    return made


def hovering(made: figure, renderers: Sequence[Drawn], columns: Sequence[str], topology: str = "$name") -> None:
    """Tell the topology, which is the renderer's name or else a column, and these columns of what is under the mouse,
    of one where marks lie on each other."""
    lines = "".join(f"<div>{column}: @{{{column}}}</div>" for column in columns)
    tooltips = f"<b>{topology}</b>{lines}"
    made.add_tools(HoverTool(renderers=list(renderers), tooltips=tooltips, limit=1, visible=False))


def source_of(rows: Iterable[Mapping[str, object]]) -> ColumnDataSource:
    """Rows, of which there are some, and which all have the same keys."""
    first, *rest = rows
    return ColumnDataSource({name: _column([first[name], *(row[name] for row in rest)]) for name in first})


def _column(values: list[Any]) -> list[Any] | npt.NDArray[np.float32]:
    """Numbers as exact as a screen shows them, which is what they weigh in the page."""
    return values if isinstance(values[0], str) else np.array(values, dtype=np.float32)


def drawn_text(one_in: int) -> str:
    """The same in words, to be added to what a chart is about."""
    return f" One trial in {one_in:,} is drawn." if one_in > 1 else ""
