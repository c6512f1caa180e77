"""A series of runs as a picture that starts at zero: bars of text, and points for a page."""

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
    """A run in the picture, as distances from its left and its top. Where there is no interval, its ends are the
    figure's."""

    row: HistoryEntry
    x: float
    y: float
    low_y: float
    high_y: float


def draw_bar(value: float, longest: float) -> str:
    """Return a bar in proportion to the value; that of ``longest`` has BAR characters."""
    eighths = round(BAR * len(EIGHTHS) * value / longest)
    whole, rest = divmod(eighths, len(EIGHTHS))
    return EIGHTHS[-1] * whole + (EIGHTHS[rest - 1] if rest else "")


def highest_end(history: History) -> float:
    """Return the highest end of an interval, the upper end of the picture."""
    return max(row.estimate.high or row.estimate.value for row in compared_entries(history) if row.estimate)


def compared_entries(history: History) -> list[HistoryEntry]:
    """Return the runs that are drawn, oldest first."""
    return [row for row in history.rows if row.mismatch is None and row.estimate]


def place_points(history: History) -> Iterator[HistoryPoint]:
    """Yield a point for each run, at equal distances."""
    rows, highest = compared_entries(history), highest_end(history)
    for place, row in enumerate(rows):
        assert row.estimate
        ends = row.estimate.value, row.estimate.low or row.estimate.value, row.estimate.high or row.estimate.value
        y, low_y, high_y = (HEIGHT * (1 - end / highest) for end in ends)
        yield HistoryPoint(row, WIDTH * (place + 0.5) / len(rows), y, low_y, high_y)
