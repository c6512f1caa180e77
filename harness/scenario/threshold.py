"""The syntax of limits: ``p99.9 < 250ms``, ``throughput < -5%``, ``errors[POST /cart/items] > +0.1%``."""

import re
from collections.abc import Callable, Iterable
from typing import Final, Self

from harness.scenario.table import TomlTable
from harness.units import parse_duration_s, parse_percent, parse_rate_per_s, parse_size_bytes

_LIMIT: Final = re.compile(
    r"(?P<figure>p(?P<percent>\d{1,2}(?:\.\d{1,4})?)|\w+)(?:\s*\[(?P<request>.*)\])?\s*(?P<operator>[<>])=?\s*"
    r"(?P<limit>\S.*)",
    re.ASCII,
)
_CHANGE: Final = re.compile(r"(?P<sign>[+-])\s*(?P<percent>.*%)")


def _parse_ms(text: str) -> float:
    if text[-1:].isdigit():  # elsewhere that means seconds, which nobody intends here
        raise ValueError(f"expected a duration with its unit, such as '250ms', got {text!r:.60}")
    return parse_duration_s(text) * 1000


def _parse_requests(text: str) -> float:
    if not text.isascii() or not text.isdecimal():
        raise ValueError(f"expected a number of requests, such as '5', got {text!r:.60}")
    return float(text)


EXAMPLES: Final = "a limit such as 'throughput < -5%' or 'p99 < 250ms'"
PERCENTILE: Final = "pN"  # the kind of all percentiles: p50, p99.9
_IN_ITS_UNIT: Final[dict[str, Callable[[str], float]]] = {
    "throughput": parse_rate_per_s,
    PERCENTILE: _parse_ms,
    "cpu_per_request": _parse_ms,
    "errors": parse_percent,
    "memory": parse_size_bytes,
    "memory_growth": parse_size_bytes,
    "ready": parse_duration_s,
    "ready_cpu": parse_duration_s,
    "lost": _parse_requests,
    "late": _parse_requests,
    "recovery": parse_duration_s,
    "body": parse_size_bytes,
}
OF_A_REQUEST: Final = ("throughput", PERCENTILE, "errors")  # known of each request of a mix


class Threshold(TomlTable):
    """A limit written as ``FIGURE[REQUEST] OPERATOR LIMIT``.

    ``value`` is in the figure's own unit (requests/s, ms, s, bytes, a part of one) or, when ``is_relative``, a change
    (-0.05 for ``-5%``). The limit is one of all requests, or of one ``request`` of a mix under its name in the scenario
    (``POST /cart/items``). ``percent`` is the percent of a percentile, None for any other figure.
    """

    text: str
    figure: str
    percent: float | None
    request: str | None
    is_upper: bool
    value: float
    is_relative: bool

    @classmethod
    def parse(cls, text: str, expected: str = EXAMPLES) -> Self:
        """Return the limit that the text states. Raises ValueError, with what was ``expected``, when it is none."""
        match = _LIMIT.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"expected {expected}, got {text!r:.60}")
        percent, request = match["percent"] and float(match["percent"]), match["request"]
        kind = PERCENTILE if percent else match["figure"]
        if kind not in _IN_ITS_UNIT:
            raise ValueError(f"expected a limit of {_join_figures(_IN_ITS_UNIT)}, got {text!r:.60}")
        if request is not None and kind not in OF_A_REQUEST:
            raise ValueError(f"expected a limit of {_join_figures(OF_A_REQUEST)} for one request, got {text!r:.60}")
        is_relative = _is_relative(kind, match["limit"])
        return cls(
            text=text.strip(),
            figure=f"p{percent:g}" if percent else kind,
            percent=percent or None,
            request=request and request.strip(),
            is_upper=match["operator"] == "<",
            value=_parse_change(match["limit"], text) if is_relative else _IN_ITS_UNIT[kind](match["limit"]),
            is_relative=is_relative,
        )


def _join_figures(figures: Iterable[str]) -> str:
    return ", ".join(figures).replace(PERCENTILE, "a percentile (p50, p99.9)")


def _is_relative(kind: str, limit: str) -> bool:
    """Return whether the limit is one of a change. Errors are percents themselves, so that their changes have a sign.
    The growth of memory, and what events cost, may be zero, so that they have no relative change."""
    if kind == "errors":
        return limit.startswith(("+", "-"))
    return kind not in ("memory_growth", "lost", "late", "recovery") and limit.endswith("%")


def _parse_change(limit: str, text: str) -> float:
    match = _CHANGE.fullmatch(limit)
    if match is None:
        raise ValueError(f"expected a change with its sign, as in 'throughput < -5%', got {text!r:.60}")
    change = parse_percent(match["percent"])
    if match["sign"] == "+":
        return change
    if change >= 1:
        raise ValueError(f"expected a change of more than -100%, got {text!r:.60}")
    return -change
