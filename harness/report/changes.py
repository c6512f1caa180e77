"""Rows in words: a figure in its unit, what changed, and what a gate says of it."""

from collections.abc import Callable, Sequence
from typing import Final

from harness.analysis.gates import Outcome, Ruling
from harness.analysis.metrics import CPU, ERRORS, MEMORY, P50, P99, THROUGHPUT
from harness.analysis.rows import Row
from harness.stats.estimate import Estimate
from harness.stats.verdict import Verdict
from harness.units import ms_text, rate_text, size_text

NOT_MEASURED: Final = "not measured"


def _share_text(part: float) -> str:
    return f"{part * 100:.2f} %" if part else "0 %"


_FIGURES: Final[dict[str, Callable[[float], str]]] = {
    THROUGHPUT.name: lambda value: f"{rate_text(value)}/s",
    P50.name: ms_text,
    P99.name: ms_text,
    CPU.name: ms_text,
    MEMORY.name: size_text,
    ERRORS.name: _share_text,
}
_WORDS: Final = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "**failed**",
    Outcome.UNCERTAIN: "can't tell",
    Outcome.UNMEASURED: "**failed**: not measured",
}


def figure_text(row: Row, figure: Estimate | None) -> str:
    """``1,234/s`` or ``12.3 ms``."""
    return NOT_MEASURED if figure is None else _FIGURES[row.metric.name](figure.value)


def row_change_text(row: Row) -> str:
    """Its change; a dash where both figures are there and have no ratio, such as no errors to none."""
    return "–" if row.ratio is None and row.before and row.after else change_text(row.ratio)


def change_text(ratio: Estimate | None) -> str:
    """``−19.4 % (−22.1 to −16.6 %)``; without the interval when there is none."""
    if ratio is None:
        return NOT_MEASURED
    if ratio.low is None or ratio.high is None:
        return f"{_signed(ratio.value)} %"
    return f"{_signed(ratio.value)} % ({_signed(ratio.low)} to {_signed(ratio.high)} %)"


def _signed(ratio: float) -> str:
    change = 100 * (ratio - 1)
    text = f"{abs(change):,.1f}" if abs(change) < 99.95 else f"{abs(change):,.0f}"
    return f"{'−' if change < 0 else '+'}{text}" if float(text.replace(",", "")) else "±0.0"


def ruling_text(ruling: Ruling) -> str:
    """What became of it, and by what."""
    if ruling.estimate is None:
        return _WORDS[ruling.outcome]
    said = change_text(ruling.estimate) if ruling.gate.is_relative else _interval_text(ruling.row, ruling.estimate)
    return f"{_WORDS[ruling.outcome]}: {said}"


def _interval_text(row: Row, figure: Estimate) -> str:
    text = _FIGURES[row.metric.name]
    if figure.low is None or figure.high is None:
        return text(figure.value)
    return f"{text(figure.value)} ({text(figure.low)} to {text(figure.high)})"


def answer(rows: Sequence[Row]) -> str:
    """What the deciding metric says of each topology, in Markdown: whether the head is slower than the base."""
    deciding = [row for row in rows if row.baseline is not None and row.metric is _first(rows, row.topology)]
    if not deciding or all(row.ratio is None for row in deciding):
        return "**Not measured.** Nothing follows about the change."
    said = "; ".join(f"`{row.topology}` {_said(row)}" for row in deciding)
    return f"**{_summary({row.verdict for row in deciding})}** {said}."


def _first(rows: Sequence[Row], topology: str) -> object:
    return next(row.metric for row in rows if row.topology == topology)


def _summary(verdicts: set[Verdict | None]) -> str:
    if Verdict.SLOWER in verdicts:
        return "Slower." if verdicts == {Verdict.SLOWER} else "Slower in part."
    if verdicts == {Verdict.EQUIVALENT}:
        return "No difference that matters."
    if Verdict.FASTER in verdicts and None not in verdicts and Verdict.INCONCLUSIVE not in verdicts:
        return "Faster." if verdicts == {Verdict.FASTER} else "Faster in part."
    return "No answer yet."


def _said(row: Row) -> str:
    if row.ratio is None:
        return NOT_MEASURED
    return f"{row.word or 'not judged'}, {row.metric.title} {change_text(row.ratio)}{_open(row)}"


def _open(row: Row) -> str:
    """How much it would have taken, where there is no verdict."""
    if row.verdict is not Verdict.INCONCLUSIVE or row.comparison is None or row.comparison.smallest_effect is None:
        return ""
    rounds = row.comparison.more_rounds
    needed = "more than a thousand" if rounds is None else f"about {rounds:,}"
    return f" (it would have shown {100 * row.comparison.smallest_effect:.1f} %; rounds still to go: {needed})"
