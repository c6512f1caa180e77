"""Changes and their intervals drawn as text, for a comment. GitHub colours a ``diff`` by the first character of a
line."""

from collections.abc import Iterator, Sequence
from typing import Final

from harness.analysis.metric_rows import MetricComparison
from harness.analysis.metrics import Scale
from harness.report.figures import change_value_text, figure_text
from harness.stats.estimate import Estimate
from harness.stats.verdict import Verdict

HALF: Final = 12  # characters of the axis on either side of no change
REACHES: Final = (0.05, 0.1, 0.2, 0.5, 1.0)  # of the axis, as changes; what is beyond is cut off
ROOM: Final = 0.9  # the share of the axis within which all changes are drawn
MAX_LINES: Final = 24
WORST_FIRST: Final = (Verdict.WORSE, Verdict.BETTER, Verdict.INCONCLUSIVE, Verdict.EQUIVALENT, None)
COLOURS: Final[dict[Verdict | None, str]] = {  # red, green, orange
    Verdict.WORSE: "-",
    Verdict.BETTER: "+",
    Verdict.INCONCLUSIVE: "!",
}


def sort_worst_first(rows: Sequence[MetricComparison]) -> list[MetricComparison]:
    """Return the rows that compare, what got worse first, then what got better, then what is inconclusive."""
    compared = [row for row in rows if row.baseline is not None]
    return sorted(compared, key=lambda row: WORST_FIRST.index(row.verdict))


def draw_changes(rows: Sequence[MetricComparison]) -> str:
    """Return a line for each change, with its interval on one axis for all; empty where nothing was compared.

    Changes that are differences, as of errors and of the growth of memory, have no place on an axis of ratios.
    """
    shown = [(row, row.change) for row in sort_worst_first(rows) if row.change is not None]
    if not shown:
        return ""
    reach, are_several = _reach([row for row, _ in shown]), len({row.topology for row, _ in shown}) > 1
    cells = [list(_cells(row, change, reach, are_several)) for row, change in shown[:MAX_LINES]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        f"{COLOURS.get(row.verdict, ' ')} {_align(each, widths)}".rstrip()
        for (row, _), each in zip(shown, cells, strict=False)
    ]
    left = 2 + sum(widths[:-1]) + 2 * (len(widths) - 1)
    more = [f"  … and {len(shown) - MAX_LINES} more"] if len(shown) > MAX_LINES else []
    return "\n".join([f"{' ' * left}{_axis_text(reach)}", *lines, *more])


def _reach(rows: Sequence[MetricComparison]) -> float:
    """Return the shortest reach of the axis that holds all changes. Those beyond the longest are cut off, and do not
    count."""
    changes = [abs(row.ratio.value - 1) for row in rows if row.ratio]
    most = max((change for change in changes if change <= REACHES[-1]), default=0.0)
    return next((reach for reach in REACHES if most <= ROOM * reach), REACHES[-1])


def _cells(row: MetricComparison, change: Estimate, reach: float, names_topology: bool) -> Iterator[str]:
    yield f"{row.topology} {row.metric.title}" if names_topology else row.metric.title
    yield f"{figure_text(row, row.before)} → {figure_text(row, row.after)}"
    yield change_value_text(row.metric, change)
    yield _draw_bar(change, reach) if row.metric.scale is Scale.RATIO else ""


def _align(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, figures, change, bar = cells
    return "  ".join([name.ljust(widths[0]), figures.ljust(widths[1]), change.rjust(widths[2]), bar])


def _axis_text(reach: float) -> str:
    least, most = f"−{reach:.0%}", f"+{reach:.0%}"
    return f"{least.ljust(HALF)}0{most.rjust(HALF)}"


def _draw_bar(change: Estimate, reach: float) -> str:
    """Return ``··├─●─┤···│····``: a dot at the change between the ends of its interval, and a line at no change."""

    def place(ratio: float) -> int:
        return round(HALF + max(-1.0, min(1.0, (ratio - 1) / reach)) * HALF)

    bar = ["·"] * (2 * HALF + 1)
    low, high = (change.value if end is None else end for end in (change.low, change.high))
    for at in range(place(low), place(high) + 1):
        bar[at] = "─"
    bar[HALF] = "┼" if bar[HALF] == "─" else "│"
    if place(low) < place(high):
        bar[place(low)], bar[place(high)] = "├", "┤"
    bar[place(change.value)] = "●"
    if high > 1 + reach:
        bar[-1] = "›"
    if low < 1 - reach:
        bar[0] = "‹"
    return "".join(bar)
