"""Rows in words: a figure in its unit, what changed, and what a gate says of it."""

from collections.abc import Callable
from typing import Final

from harness.analysis.gates import GateResult, Outcome
from harness.analysis.metric_rows import MetricComparison
from harness.analysis.metrics import Metric, Scale
from harness.stats.estimate import Estimate
from harness.units import ms_text, rate_text, size_text

NOT_MEASURED: Final = "not measured"


def _share_text(part: float) -> str:
    return f"{part * 100:.2f} %" if part else "0 %"


def _bytes_text(number: float) -> str:
    """Below a kilobyte to the byte, and with a sign where it may be below zero."""
    return f"{'−' if number < 0 else ''}{size_text(abs(number))}"


_FIGURES: Final[dict[str, Callable[[float], str]]] = {  # by the metric's unit
    "/s": lambda value: f"{rate_text(value)}/s",
    "ms": ms_text,
    "": _share_text,
    "B": _bytes_text,
    "s": lambda value: f"{value:.2f} s",
}
_WORDS: Final = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "**failed**",
    Outcome.UNCERTAIN: "can't tell",
    Outcome.UNMEASURED: "not measured",
}


def figure_text(row: MetricComparison, figure: Estimate | None) -> str:
    """Return ``1,234/s`` or ``12.3 ms``."""
    return NOT_MEASURED if figure is None else _FIGURES[row.metric.unit](figure.value)


def row_change_text(row: MetricComparison) -> str:
    """Return its change; a dash where both figures are there and do not share a round."""
    return "–" if row.change is None and row.before and row.after else change_text(row.metric, row.change)


def change_text(metric: Metric, change: Estimate | None) -> str:
    """Return ``−19.4 % (−22.1 to −16.6 %)`` or, of errors, ``+1.20 points (1.10 to 1.30)``; without the interval where
    there is none."""
    if change is None:
        return NOT_MEASURED
    between, (_, unit) = interval_between(metric, change), _signed_text(metric)
    return f"{change_value_text(metric, change)}{f' ({between}{unit})' if between else ''}"


def change_value_text(metric: Metric, change: Estimate) -> str:
    """Return it without its interval: ``−19.4 %``."""
    text, unit = _signed_text(metric)
    return f"{text(change.value)}{unit}"


def interval_between(metric: Metric, change: Estimate) -> str:
    """Return the ends of its interval without the unit, ``−22.1 to −16.6``; empty where there is none."""
    if change.low is None or change.high is None or change.low == change.high:
        return ""
    text, _ = _signed_text(metric)
    return f"{text(change.low)} to {text(change.high)}"


def _signed_text(metric: Metric) -> tuple[Callable[[float], str], str]:
    """How its changes are written, and in which unit."""
    return (_percent, " %") if metric.scale is Scale.RATIO else _SIGNED[metric.scale]


def _percent(ratio: float) -> str:
    change = 100 * (ratio - 1)
    return _signed(change, f"{abs(change):,.1f}" if abs(change) < 99.95 else f"{abs(change):,.0f}")


def _signed(value: float, text: str) -> str:
    return f"{'−' if value < 0 else '+'}{text}" if any(digit in "123456789" for digit in text) else f"±{text}"


_SIGNED: Final[dict[Scale, tuple[Callable[[float], str], str]]] = {
    Scale.SHARE: (lambda part: _signed(part, f"{abs(100 * part):.2f}"), " points"),
    Scale.DIFFERENCE: (lambda number: _signed(number, size_text(abs(number))), ""),
}


def ruling_text(ruling: GateResult) -> str:
    """What became of it, and by what."""
    if ruling.estimate is None:
        return _WORDS[ruling.outcome]
    metric = ruling.row.metric
    said = change_text(metric, ruling.estimate) if ruling.gate.is_relative else _interval_text(metric, ruling.estimate)
    return f"{_WORDS[ruling.outcome]}: {said}"


def _interval_text(metric: Metric, figure: Estimate) -> str:
    text = _FIGURES[metric.unit]
    if figure.low is None or figure.high is None:
        return text(figure.value)
    return f"{text(figure.value)} ({text(figure.low)} to {text(figure.high)})"
