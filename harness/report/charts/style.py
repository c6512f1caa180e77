"""What the charts have in common: type, colours that survive grey print, and how a figure is saved."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.summary import TopologySummary

MOST_MARKS: Final = 2000  # of trials in a chart: beyond them it would weigh more than it tells

# Okabe and Ito's colours, safe for the colour-blind, ordered so that neighbours differ in lightness too.
COLOURS: Final = ("#000000", "#E69F00", "#0072B2", "#CC79A7", "#009E73", "#D55E00", "#56B4E9", "#8C8C00")
MARKERS: Final = "osD^vPX*"
DASHES: Final = ("-", "--", "-.", ":")
MUTED: Final = "#666666"
RC: Final[Any] = {  # Any: matplotlib's stubs ask for a literal type of all its keys
    "font.size": 10,
    "figure.titlesize": 11,
    "figure.titleweight": "bold",
    "legend.fontsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "savefig.bbox": "tight",
    "svg.hashsalt": "harness",  # the same run draws the same bytes
    "svg.fonttype": "none",
    "text.parse_math": False,  # what others wrote is text, whatever dollars are in it
}


@dataclass(frozen=True)
class LineStyle:
    """How one topology appears in every chart."""

    colour: str
    marker: str
    dashes: str


def look(index: int) -> LineStyle:
    """The appearance of the topology at this place in the scenario."""
    return LineStyle(
        COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)], DASHES[index // len(COLOURS) % len(DASHES)]
    )


@contextmanager
def house_style() -> Iterator[None]:
    """Draw within this, and nothing stays set afterwards."""
    with mpl.rc_context(RC):
        yield


def figure(title: str, width_in: float = 7.5, height_in: float = 4.0) -> Figure:
    """An empty figure (inches) that belongs to no window and to no global state."""
    drawn = Figure(figsize=(width_in, height_in), layout="constrained")
    drawn.suptitle(title, x=0.01, ha="left")
    return drawn


def name_lines(drawn: Figure, axes: Axes) -> None:
    """What the lines of the axes mean, beside them, where it hides none of them."""
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside right upper")


def save(drawn: Figure, path: Path) -> None:
    """Write ``<path>.png`` and ``<path>.svg``."""
    drawn.savefig(path.with_suffix(".png"), metadata={"Software": None})
    drawn.set_layout_engine("none")  # that of the picture is kept, which costs nothing
    drawn.savefig(path.with_suffix(".svg"), metadata={"Date": None})


def name_ticks(axes: Axes, summaries: list[TopologySummary]) -> None:
    """Topologies along the x axis, aslant when there are many."""
    many = len(summaries) > 6
    axes.set_xticks(
        range(len(summaries)),
        [summary.name for summary in summaries],
        rotation=35 if many else 0,
        ha="right" if many else "center",
        rotation_mode="anchor" if many else None,
    )
    axes.grid(visible=False, axis="x")


def top_for(values: Iterable[float], ends: Iterable[float | None]) -> float:
    """The end of a y axis that shows these values and where their intervals end, unless that dwarfs the values."""
    most = max(values, default=1.0)
    return 1.15 * min(2 * most, max([most, *(end for end in ends if end is not None)]))


def width_for(summaries: list[TopologySummary]) -> float:
    """Wide enough (inches) for each topology to have a column of its own."""
    return max(7.5, 1.0 + 0.75 * len(summaries))


def times_over(marks: int, most: int) -> int:
    """One in how many may be drawn, and evenly, where there are more of them than the most."""
    return max(1, ceil(marks / most))


def trials_text(one_in: int) -> str:
    """Return what a mark stands for, where one in so many is drawn."""
    return "one trial" if one_in == 1 else f"one trial in {one_in:,}"
