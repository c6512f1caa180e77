"""The looks that pictures and page share: colours that survive grey print, marks, dashes, and how much is drawn."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Final

MAX_MARKS: Final = 2000  # of trials in a chart: beyond them it would weigh more than it shows

# Okabe and Ito's colours, safe for the colour-blind, ordered so that neighbours differ in lightness too.
COLOURS: Final = ("#000000", "#E69F00", "#0072B2", "#CC79A7", "#009E73", "#D55E00", "#56B4E9", "#8C8C00")
MARKERS: Final = "osD^vPX*"
DASHES: Final = ("-", "--", "-.", ":")
MUTED: Final = "#666666"


@dataclass(frozen=True)
class LineStyle:
    """The appearance of one topology in every chart, in Matplotlib's words."""

    colour: str
    marker: str
    dashes: str


def line_style(index: int) -> LineStyle:
    """Return the appearance of the topology at this place in the scenario."""
    return LineStyle(
        COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)], DASHES[index // len(COLOURS) % len(DASHES)]
    )


def axis_end(values: Iterable[float], ends: Iterable[float | None]) -> float:
    """Return the end of an axis that shows these values, and the ends of their intervals unless those dwarf them."""
    highest = max(values, default=1.0)
    return 1.15 * min(2 * highest, max([highest, *(end for end in ends if end is not None)]))


def thinning_factor(marks: int, max_marks: int) -> int:
    """Return the smallest k for which one in k of the marks, evenly chosen, are no more than ``max_marks``."""
    return max(1, ceil(marks / max_marks))
