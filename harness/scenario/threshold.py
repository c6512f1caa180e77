"""The one language of limits: ``p99.9 < 250ms``, ``throughput < -5%``, ``errors[POST /cart/items] > +0.1%``."""

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


def _ms(text: str) -> float:
    if text[-1:].isdigit():  # seconds elsewhere, which nobody means here
        raise ValueError(f"expected a duration with its unit, such as '250ms', got {text!r:.60}")
    return parse_duration_s(text) * 1000


EXAMPLES: Final = "a limit such as 'throughput < -5%' or 'p99 < 250ms'"
PERCENTILE: Final = "pN"  # what every percentile is called here: p50, p99.9
_IN_ITS_UNIT: Final[dict[str, Callable[[str], float]]] = {
    "throughput": parse_rate_per_s,
    PERCENTILE: _ms,
    "cpu_per_request": _ms,
    "errors": parse_percent,
    "memory": parse_size_bytes,
    "memory_growth": parse_size_bytes,
    "ready": parse_duration_s,
    "body": parse_size_bytes,
}
OF_A_REQUEST: Final = ("throughput", PERCENTILE, "errors")  # known of each request of a mix


class Threshold(TomlTable):
    """``FIGURE[REQUEST] OPERATOR LIMIT``: of a figure in its own unit (requests/s, ms, s, bytes, a part of one) or,
    when ``is_relative``, of its change (-0.05 for ``-5%``); of all requests, or of one of a mix, as the scenario has it
    (``POST /cart/items``). ``percent`` is that of a percentile."""

    text: str
    figure: str
    percent: float | None
    request: str | None
    is_upper: bool
    value: float
    is_relative: bool

    @classmethod
    def parse(cls, text: str, expected: str = EXAMPLES) -> Self:
        """Raises ValueError, with what was expected, when the text is no limit; ``expected`` is what is called for."""
        match = _LIMIT.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"expected {expected}, got {text!r:.60}")
        percent, request = match["percent"] and float(match["percent"]), match["request"]
        kind = PERCENTILE if percent else match["figure"]
        if kind not in _IN_ITS_UNIT:
            raise ValueError(f"expected a limit of {_listed(_IN_ITS_UNIT)}, got {text!r:.60}")
        if request is not None and kind not in OF_A_REQUEST:
            raise ValueError(f"expected a limit of {_listed(OF_A_REQUEST)} for one request, got {text!r:.60}")
        is_relative = _is_relative(kind, match["limit"])
        return cls(
            text=text.strip(),
            figure=f"p{percent:g}" if percent else kind,
            percent=percent or None,
            request=request and request.strip(),
            is_upper=match["operator"] == "<",
            value=_change(match["limit"], text) if is_relative else _IN_ITS_UNIT[kind](match["limit"]),
            is_relative=is_relative,
        )


def _listed(figures: Iterable[str]) -> str:
    return ", ".join(figures).replace(PERCENTILE, "a percentile (p50, p99.9)")


def _is_relative(kind: str, limit: str) -> bool:
    """Whether a change is limited: of errors, which are percents themselves, where there is a sign; of what memory
    grew by, which may be nothing, never."""
    if kind == "errors":
        return limit.startswith(("+", "-"))
    return kind != "memory_growth" and limit.endswith("%")


def _change(limit: str, text: str) -> float:
    match = _CHANGE.fullmatch(limit)
    if match is None:
        raise ValueError(f"expected a change with its sign, as in 'throughput < -5%', got {text!r:.60}")
    change = parse_percent(match["percent"])
    if match["sign"] == "+":
        return change
    if change >= 1:
        raise ValueError(f"expected a change of more than -100%, got {text!r:.60}")
    return -change
