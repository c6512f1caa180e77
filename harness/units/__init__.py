"""Units: durations, sizes, rates and prices as text, and text as numbers. All of the harness converts them here."""

import math
import re
from dataclasses import dataclass
from typing import Final

NS_PER_S: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000
NS_PER_US: Final = 1_000
MS_PER_S: Final = 1_000
US_PER_MS: Final = 1_000
MAX_MORE_DECIMALS: Final = 3
SIGNIFICANT_DIGITS: Final = 3
MAX_DECIMALS: Final = 5  # of a figure below 0.001, such as the CPU for a request of a fast server

_DURATION_PART: Final = re.compile(r"(?P<number>\d{1,15}(?:\.\d{1,15})?)\s*(?P<unit>us|ms|s|m|h)", re.ASCII)
_SECONDS: Final = re.compile(r"\d{1,15}(\.\d{1,15})?", re.ASCII)
_PERCENT: Final = re.compile(r"(?P<number>\d{1,9}(?:\.\d{1,9})?)\s*%", re.ASCII)
_RATE: Final = re.compile(r"(?P<number>\d{1,9}(?:\.\d{1,9})?)\s*(?:/(?P<unit>s|min|h))?", re.ASCII)
_CURRENCY: Final = r"[A-Z]{3}|[$€£¥]"
_PRICE: Final = re.compile(
    rf"(?P<before>{_CURRENCY})?\s*(?P<number>\d{{1,9}}(?:\.\d{{1,9}})?)\s*(?P<after>{_CURRENCY})?\s*(?:/(?P<unit>h|month))?",
    re.ASCII,
)
_SIZE: Final = re.compile(r"(?P<number>\d{1,9}(?:\.\d{1,9})?)\s*(?P<unit>[kMG]i?B)", re.ASCII)
_BYTES_PER: Final = {"kB": 1e3, "kiB": 2.0**10, "MB": 1e6, "MiB": 2.0**20, "GB": 1e9, "GiB": 2.0**30}
HOURS_PER_MONTH: Final = 730
_SECONDS_PER_RATE: Final = {None: 1, "s": 1, "min": 60, "h": 3600}
_HOURS_PER_PRICE: Final = {None: 1, "h": 1, "month": HOURS_PER_MONTH}
_SECONDS_PER: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration_s(text: str) -> float:
    """Return the seconds in a text such as ``30s``, ``1m 30s``, ``1.5h``, ``250ms`` or, as for wrk, a bare ``30``.
    Several units stand in descending order, each once.

    Raises ValueError, with what was expected, when the text is no duration.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    parts = [(float(part["number"]), _SECONDS_PER[part["unit"]]) for part in _DURATION_PART.finditer(text)]
    units_s = [unit_s for _, unit_s in parts]
    rest = _DURATION_PART.sub("", text)
    if not parts or rest.strip() or units_s != sorted(set(units_s), reverse=True):
        raise ValueError(f"expected a duration such as '500ms', '3s' or '1m 30s' (us, ms, s, m, h), got {text!r:.60}")
    return math.fsum(number * unit_s for number, unit_s in parts)


def duration_text(seconds: float) -> str:
    """Return a duration as people read it, in a form that can be parsed again: ``1m 30s`` for 90, ``3s`` for 3,
    ``250ms`` for 0.25."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 60:
        return f"{seconds:.3g}s"
    minutes, rest_s = divmod(round(seconds), 60)
    return f"{minutes}m {rest_s:02d}s"


def parse_percent(text: str) -> float:
    """Return a percentage as a part of one: 0.03 for ``3%``.

    Raises ValueError, with what was expected, when the text is no percentage.
    """
    match = _PERCENT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"expected a percentage such as '3%', got {text!r:.60}")
    return float(match["number"]) / 100


def parse_rate_per_s(text: str) -> float:
    """Return a rate in requests per second: 800 for ``800/s``, ``48000/min`` or ``800``.

    Raises ValueError, with what was expected, when the text is no rate.
    """
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"expected a rate such as '800/s' (s, min, h), got {text!r:.60}")
    return float(match["number"]) / _SECONDS_PER_RATE[match["unit"]]


def parse_size_bytes(text: str) -> float:
    """Return a size in bytes: 209,715,200 for ``200 MiB``.

    Raises ValueError, with what was expected, when the text is no size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"expected a size such as '200MiB' or '1.5GB', got {text!r:.60}")
    return float(match["number"]) * _BYTES_PER[match["unit"]]


@dataclass(frozen=True)
class Price:
    """A price for an hour; ``currency`` is None where none was named."""

    per_h: float
    currency: str | None


def parse_price(text: str) -> Price:
    """Return a price for an hour: 0.34 EUR for ``0.34 EUR/h``, ``EUR 0.34`` or ``248.2 EUR/month``.

    Raises ValueError, with what was expected, when the text is no price.
    """
    match = _PRICE.fullmatch(text.strip())
    if match is None or (match["before"] and match["after"]):
        raise ValueError(f"expected a price such as '0.34/h' or '250 EUR/month', got {text!r:.60}")
    return Price(float(match["number"]) / _HOURS_PER_PRICE[match["unit"]], match["before"] or match["after"])


def ms_text(milliseconds: float) -> str:
    """Return a latency in milliseconds as text with three significant figures, never in exponent form; in seconds from
    1000 ms up."""
    if float(f"{milliseconds:.{SIGNIFICANT_DIGITS - 1}e}") >= MS_PER_S:
        return f"{milliseconds / MS_PER_S:.2f} s"
    return f"{milliseconds:.{significant_decimals(milliseconds)}f} ms"


def significant_decimals(value: float) -> int:
    """Return the number of decimals that shows a figure (at least 0) to three significant digits; at most five."""
    exponent = int(f"{value:.{SIGNIFICANT_DIGITS - 1}e}".partition("e")[2])  # after rounding: 0.9996 is 1.00
    return min(MAX_DECIMALS, max(0, SIGNIFICANT_DIGITS - 1 - exponent)) if value > 0 else 0


def rate_text(rate_per_s: float) -> str:
    """Return a rate in requests per second as text: a whole number with grouped digits from 100 up, with decimals
    below."""
    decimals = 0 if rate_per_s >= 100 else 1 if rate_per_s >= 10 else 2
    return f"{rate_per_s:,.{decimals}f}"


def rate_per_text(rate_per_s: float) -> str:
    """Return a rate as text with its unit: ``800/s`` for 800, ``30.0/min`` for 0.5, ``36.0/h`` for 0.01."""
    unit = next((unit for unit in ("s", "min") if rate_per_s * _SECONDS_PER_RATE[unit] >= 1), "h")
    return f"{rate_text(rate_per_s * _SECONDS_PER_RATE[unit])}/{unit}"


def decimals_apart(low: float, high: float, least: int) -> int:
    """Return the number of decimals with which the ends of an interval differ as text: ``least``, or up to three
    more."""
    some = range(least, least + MAX_MORE_DECIMALS + 1)
    return next((each for each in some if f"{low:.{each}f}" != f"{high:.{each}f}"), least)


def size_text(size_bytes: float) -> str:
    """Return a size as text with one decimal, in KiB, MiB or GiB; below one KiB in whole bytes."""
    for unit, one in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size_bytes >= one:
            return f"{size_bytes / one:.1f} {unit}"
    return f"{size_bytes:.0f} B"


def wrk_time(seconds: float) -> str:
    """Return a time as wrk prints it: ``684.00us``, ``136.73ms``, ``1.26s``, ``1.50m``."""
    if seconds >= 1:
        return _wrk_scaled_text(seconds, base="s", steps=("m",), factor=60)
    return _wrk_scaled_text(seconds * 1e6, base="us", steps=("ms",), factor=1000)


def wrk_binary(size_bytes: float) -> str:
    """Return a size as wrk prints it, without the final ``B``: ``68.49M``."""
    return _wrk_scaled_text(size_bytes, base="", steps=("K", "M", "G", "T"), factor=1024)


def wrk_metric(number: float) -> str:
    """Return a count as wrk prints it: ``3.05``, ``12.34k``."""
    return _wrk_scaled_text(number, base="", steps=("k", "M", "G", "T"), factor=1000)


def wrk_whole_time(seconds: float) -> str:
    """Return a duration as wrk announces it: ``30s``, ``2m``."""
    amount, unit = _scale(seconds, base="s", steps=("m",), factor=60)
    return f"{amount:.0f}{unit}"


def _wrk_scaled_text(number: float, base: str, steps: tuple[str, ...], factor: int) -> str:
    amount, unit = _scale(number, base, steps, factor)
    return f"{amount:.2f}{unit}"


def _scale(number: float, base: str, steps: tuple[str, ...], factor: int) -> tuple[float, str]:
    """Return the number in the unit that wrk chooses, and that unit. wrk takes the next unit from 85 % of it on: 900
    bytes are 0.88K."""
    unit = base
    for step in steps:
        if number < factor * 0.85:
            break
        number, unit = number / factor, step
    return number, unit
