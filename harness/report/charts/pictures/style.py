"""The style that all pictures share, in Matplotlib's words: type, axes, legends, and how a figure is saved."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
    "figure.dpi": 160,
    "savefig.dpi": "figure",
    "savefig.bbox": "tight",
    "svg.hashsalt": "harness",  # the same run draws the same bytes
    "svg.fonttype": "none",
    "text.parse_math": False,  # what others wrote is text, whatever dollars are in it
}
MAX_UPRIGHT: Final = 6  # names of topologies side by side: more of them are written aslant


@contextmanager
def house_style() -> Iterator[None]:
    """Draw within this, and nothing stays set afterwards."""
    with mpl.rc_context(RC):
        yield


def make_figure(title: str, width_in: float = 7.5, height_in: float = 4.0) -> Figure:
    """Return an empty figure (inches) that belongs to no window and to no global state."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write ``<path>.png`` and ``<path>.svg``, for which the figure is laid out once."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine(None)  # or each file would be laid out anew
    shown = figure.get_tightbbox().padded(mpl.rcParams["savefig.pad_inches"])
    figure.savefig(path.with_suffix(".png"), bbox_inches=shown, metadata={"Software": None})
    figure.savefig(path.with_suffix(".svg"), bbox_inches=shown, metadata={"Date": None})


def add_legend(figure: Figure, axes: Axes) -> None:
    """Name the lines of the axes, beside them, where the legend hides none of them."""
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper")


def label_columns(axes: Axes, topologies: Sequence[str]) -> None:
    """Write the topologies along the x axis, aslant when there are many."""
    is_aslant = len(topologies) > MAX_UPRIGHT
    axes.set_xticks(
        range(len(topologies)),
        topologies,
        rotation=35 if is_aslant else 0,
        ha="right" if is_aslant else "center",
        rotation_mode="anchor" if is_aslant else None,
    )
    axes.grid(visible=False, axis="x")


def width_for(topologies: int) -> float:
    """Return the width (inches) in which each topology has a column of its own."""
    return max(7.5, 1.0 + 0.75 * topologies)


def trials_text(one_in: int) -> str:
    """Return what a mark stands for, where one in so many is drawn."""
    return "one trial" if one_in == 1 else f"one trial in {one_in:,}"
