"""The one place where figures, intervals and changes become text, for every report."""

from collections.abc import Callable
from typing import Final

from harness.analysis.gates import GateResult, Outcome
from harness.analysis.metric_rows import MetricComparison
from harness.analysis.metrics import Metric, Scale
from harness.stats.estimate import Estimate
from harness.units import decimals_apart, ms_text, rate_text, significant_decimals, size_text

NOT_MEASURED: Final = "not measured"
MOST_TOLD: Final = 100.0  # of an interval's end over the other: the interval of a ratio that spans more tells nothing


def share_text(part: float) -> str:
    """Return ``0.634`` as ``63 %``."""
    return f"{part * 100:.0f} %"


def percent_text(part: float) -> str:
    """Return ``0.034`` as ``3.4 %``, and from 10 % up whole percents."""
    return f"{part * 100:.1f} %" if part < 0.0995 else f"{part * 100:,.0f} %"


def decimals_text(value: float, decimals: int) -> str:
    """Return ``0.634`` to two decimals as ``0.63``."""
    return f"{value:.{decimals}f}"


def interval_text(estimate: Estimate | None, decimals: int = 0) -> str:
    """Return ``1,530 (1,498–1,562)``: without the interval when there is none, a dash when there is no estimate."""
    if estimate is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:,.{decimals}f}"
    decimals = decimals_apart(estimate.low, estimate.high, decimals)
    return f"{estimate.value:,.{decimals}f} ({estimate.low:,.{decimals}f}–{estimate.high:,.{decimals}f})"


def ms_interval_text(milliseconds: Estimate | None) -> str:
    """Return ``0.441 (0.438–0.444)``, to three significant digits."""
    return interval_text(milliseconds, significant_decimals(milliseconds.value) if milliseconds else 0)


def rate_interval_text(rate: Estimate, unit: str = "") -> str:
    """Return ``576 (524–633)`` or, with a unit, ``576/s (524–633)``: without the interval when there is none."""
    value = f"{rate_text(rate.value)}{unit}"
    if rate.low is None or rate.high is None:
        return value
    return f"{value} ({rate_text(rate.low)}–{rate_text(rate.high)})"


def ratio_text(ratio: Estimate) -> str:
    """Return ``1.74× (1.69–1.79)``: without the interval when there is none, with a dash for one that tells nothing."""
    if ratio.low is None or ratio.high is None:
        return f"{ratio.value:.2f}×"
    if is_uninformative(ratio.low, ratio.high):
        return f"{ratio.value:.2f}× (–)"
    decimals = decimals_apart(ratio.low, ratio.high, 2)
    return f"{ratio.value:.{decimals}f}× ({ratio.low:.{decimals}f}–{ratio.high:.{decimals}f})"


def is_uninformative(low: float, high: float) -> bool:
    """Check whether the interval of a ratio is so wide that it would be mere digits, as after two rounds."""
    return high > MOST_TOLD * low


def _error_share_text(part: float) -> str:
    return f"{part * 100:.2f} %" if part else "0 %"


def _bytes_text(number: float) -> str:
    """Return a size with its sign, since a growth of memory may be below zero."""
    return f"{'−' if number < 0 else ''}{size_text(abs(number))}"


_FIGURES: Final[dict[str, Callable[[float], str]]] = {  # by the metric's unit
    "/s": lambda value: f"{rate_text(value)}/s",
    "ms": ms_text,
    "": _error_share_text,
    "B": _bytes_text,
    "s": lambda value: f"{value:.2f} s",
    "requests": lambda value: f"{value:,.1f}",
}


def figure_text(row: MetricComparison, figure: Estimate | None) -> str:
    """Return a figure of the row in its metric's unit: ``1,234/s`` or ``12.3 ms``."""
    return NOT_MEASURED if figure is None else metric_text(row.metric, figure.value)


def metric_text(metric: Metric, value: float) -> str:
    """Return a value of the metric in its unit."""
    return _FIGURES[metric.unit](value)


def row_change_text(row: MetricComparison) -> str:
    """Return the row's change; a dash where both figures are there and share no round."""
    return "–" if row.change is None and row.before and row.after else change_text(row.metric, row.change)


def change_text(metric: Metric, change: Estimate | None) -> str:
    """Return ``−19.4 % (−22.1 to −16.6 %)`` or, of errors, ``+1.20 points (1.10 to 1.30)``: without the interval where
    there is none."""
    if change is None:
        return NOT_MEASURED
    between, (_, unit) = change_interval_text(metric, change), _signed_text(metric)
    if between in ("", "–"):
        return f"{change_value_text(metric, change)}{between and ' (–)'}"
    return f"{change_value_text(metric, change)} ({between}{unit})"


def change_value_text(metric: Metric, change: Estimate) -> str:
    """Return the change without its interval: ``−19.4 %``."""
    text, unit = _signed_text(metric)
    return f"{text(change.value)}{unit}"


def change_interval_text(metric: Metric, change: Estimate) -> str:
    """Return the ends of the change's interval without the unit, ``−22.1 to −16.6``; empty where there is none, a dash
    for one that tells nothing."""
    if change.low is None or change.high is None or change.low == change.high:
        return ""
    if metric.scale is Scale.RATIO and is_uninformative(change.low, change.high):
        return "–"
    text, _ = _signed_text(metric)
    return f"{text(change.low)} to {text(change.high)}"


def _signed_text(metric: Metric) -> tuple[Callable[[float], str], str]:
    """Return how changes of the metric are written, and in which unit."""
    if metric.scale is Scale.RATIO:
        return _signed_percent, " %"
    return _SIGNED_SHARE if metric.scale is Scale.SHARE else _SIGNED_BY_UNIT[metric.unit]


def percent_change_text(ratio: float) -> str:
    """Return a ratio to a baseline as a change: ``−19.4 %``."""
    return f"{_signed_percent(ratio)} %"


def _signed_percent(ratio: float) -> str:
    change = 100 * (ratio - 1)
    return _with_sign(change, f"{abs(change):,.1f}" if abs(change) < 99.95 else f"{abs(change):,.0f}")


def _with_sign(value: float, text: str) -> str:
    """Return the text with the value's sign, or with ``±`` where it shows nothing but zeros."""
    return f"{'−' if value < 0 else '+'}{text}" if any(digit in "123456789" for digit in text) else f"±{text}"


_Signed = tuple[Callable[[float], str], str]
_SIGNED_SHARE: Final[_Signed] = (lambda part: _with_sign(part, f"{abs(100 * part):.2f}"), " points")
_SIGNED_BY_UNIT: Final[dict[str, _Signed]] = {
    "B": (lambda number: _with_sign(number, size_text(abs(number))), ""),
    "s": (lambda number: _with_sign(number, f"{abs(number):.2f}"), " s"),
    "requests": (lambda number: _with_sign(number, f"{abs(number):,.1f}"), " requests"),
}
_OUTCOMES: Final = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "**failed**",
    Outcome.UNCERTAIN: "can't tell",
    Outcome.UNMEASURED: "not measured",
}


def gate_result_text(result: GateResult) -> str:
    """Return the outcome of a gate and the figure that decided it, in Markdown."""
    if result.estimate is None:
        return _OUTCOMES[result.outcome]
    metric = result.row.metric
    text = change_text if result.gate.is_relative else _figure_interval_text
    return f"{_OUTCOMES[result.outcome]}: {text(metric, result.estimate)}"


def _figure_interval_text(metric: Metric, figure: Estimate) -> str:
    text = _FIGURES[metric.unit]
    if figure.low is None or figure.high is None:
        return text(figure.value)
    return f"{text(figure.value)} ({text(figure.low)} to {text(figure.high)})"
