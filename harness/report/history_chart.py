"""A series of runs as a picture that starts at zero: bars of text, and marks for a page."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from harness.analysis.history.history import History, HistoryEntry

BAR: Final = 40  # characters of the longest
EIGHTHS: Final = "▏▎▍▌▋▊▉█"
WIDTH: Final = 640.0  # of the picture, in its own units
HEIGHT: Final = 240.0


@dataclass(frozen=True)
class HistoryPoint:
    """A run in the picture, from its left and its top: the ends of the interval are those of the figure where there is
    none."""

    row: HistoryEntry
    x: float
    y: float
    low_y: float
    high_y: float


def bar(value: float, longest: float) -> str:
    """Of a length that is to the longest as its value."""
    eighths = round(BAR * len(EIGHTHS) * value / longest)
    whole, rest = divmod(eighths, len(EIGHTHS))
    return EIGHTHS[-1] * whole + (EIGHTHS[rest - 1] if rest else "")


def top(history: History) -> float:
    """The highest end of an interval, up to which the picture goes."""
    return max(row.estimate.high or row.estimate.value for row in compared(history) if row.estimate)


def compared(history: History) -> list[HistoryEntry]:
    """The runs that are drawn, oldest first."""
    return [row for row in history.rows if row.apart is None and row.estimate]


def marks(history: History) -> Iterator[HistoryPoint]:
    """One each, as far apart as the others."""
    rows, highest = compared(history), top(history)
    for place, row in enumerate(rows):
        assert row.estimate
        ends = row.estimate.value, row.estimate.low or row.estimate.value, row.estimate.high or row.estimate.value
        y, low_y, high_y = (HEIGHT * (1 - end / highest) for end in ends)
        yield HistoryPoint(row, WIDTH * (place + 0.5) / len(rows), y, low_y, high_y)
