"""The style that all charts of the page share, in Bokeh's words: looks, type, tools and what hovering shows."""

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

from harness.report.charts.style import LineStyle
from harness.report.html.palette import INK, MUTED, PAPER, RULE

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


Renderer: TypeAlias = "GlyphRenderer[Any]"  # generic in its stub only


@dataclass(frozen=True)
class Chart:
    """One chart, with what it shows in words."""

    title: str
    about: str
    plot: UIElement


@dataclass(frozen=True)
class GlyphStyle:
    """The appearance of one topology in every chart, in Bokeh's words."""

    colour: str
    marker: str
    dashes: str


def glyph_style(style: LineStyle) -> GlyphStyle:
    """Return the same appearance in Bokeh's words."""
    return GlyphStyle(style.colour, MARKERS[style.marker], DASHES[style.dashes])


def make_plot(**properties: Any) -> figure:
    """Return an empty plot as wide as its place. Dragging and scrolling are left to the page until a tool is chosen."""
    plot = figure(
        sizing_mode="stretch_width",
        toolbar_location="above",
        tools=TOOLS,
        active_drag=None,
        active_scroll=None,
        **properties,
    )
    plot.toolbar.logo = None
    plot.toolbar.stylesheets = [TOOLBAR_CSS]
    return plot


def make_rows_plot(topologies: Sequence[str], **properties: Any) -> figure:
    """Return a plot with a row a topology, the first on top, so that long names fit on a narrow screen too."""
    rows = len(topologies)
    plot = make_plot(height=AXIS_PX + ROW_PX * rows, y_range=Range1d(start=rows - 0.45, end=-0.55), **properties)
    plot.yaxis.ticker = FixedTicker(ticks=list(range(rows)))
    plot.yaxis.major_label_overrides = dict(enumerate(topologies))
    plot.yaxis.major_tick_line_color = None
    plot.yaxis.axis_line_color = None
    plot.ygrid.visible = False
    return plot


def add_hover(plot: figure, renderers: Sequence[Renderer], columns: Sequence[str], topology: str = "$name") -> None:
    """Show the topology and these columns of what is under the mouse, of one where marks lie on each other.

    The topology is the renderer's name or else a column.
    """
    lines = "".join(f"<div>{column}: @{{{column}}}</div>" for column in columns)
    tooltips = f"<b>{topology}</b>{lines}"
    plot.add_tools(HoverTool(renderers=list(renderers), tooltips=tooltips, limit=1, visible=False))


def source_of(rows: Iterable[Mapping[str, object]]) -> ColumnDataSource:
    """Return rows, of which there is one at least, and which all have the same keys, as columns."""
    first, *rest = rows
    return ColumnDataSource({name: _column([first[name], *(row[name] for row in rest)]) for name in first})


def _column(values: list[Any]) -> list[Any] | npt.NDArray[np.float32]:
    """Return numbers as exact as a screen shows them, so that they weigh little in the page."""
    return values if isinstance(values[0], str) else np.array(values, dtype=np.float32)


def thinning_text(one_in: int) -> str:
    """Return a sentence that says what is drawn, where one trial in so many is; it begins with a space."""
    return f" One trial in {one_in:,} is drawn." if one_in > 1 else ""
