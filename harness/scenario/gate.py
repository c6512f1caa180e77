"""The limits that a run must keep to: ``throughput < -5%``, ``p99 > +10%``, ``p99 < 250ms``, ``errors > +0.1%``."""

import re
from collections.abc import Callable
from typing import Final, Literal, Self, get_args

from pydantic import field_validator

from harness.scenario.table import Table, Words
from harness.units import parse_duration_s, parse_percent, parse_rate_per_s, parse_size_bytes

Limited = Literal["throughput", "p50", "p99", "cpu_per_request", "errors", "memory", "memory_growth", "ready", "body"]

_EXPRESSION: Final = re.compile(r"(?P<metric>\w+)\s*(?:<=?|>=?)\s*(?P<limit>\S.*)", re.ASCII)
_RELATIVE: Final = re.compile(r"(?P<sign>[+-])\s*(?P<percent>.*%)")


def _ms(text: str) -> float:
    if text[-1:].isdigit():  # seconds elsewhere, which nobody means here
        raise ValueError(f"expected a duration with its unit, such as '250ms', got {text!r:.60}")
    return parse_duration_s(text) * 1000


_ABSOLUTE: Final[dict[Limited, Callable[[str], float]]] = {
    "throughput": parse_rate_per_s,
    "p50": _ms,
    "p99": _ms,
    "cpu_per_request": _ms,
    "errors": parse_percent,
    "memory": parse_size_bytes,
    "memory_growth": parse_size_bytes,
    "ready": parse_duration_s,
    "body": parse_size_bytes,
}


class Gate(Table):
    """One limit: of a figure in its metric's own unit (requests/s, ms, s, bytes, a part of one) or, when
    ``is_relative``, of its ratio to the baseline's (0.95 for ``-5%``); of errors, of how many more of all requests they
    are than the baseline's (0.001 for ``+0.1%``). What lies on the worse side of it fails, whether it was written as
    what fails (``p99 > 250ms``) or as what has to hold (``p99 < 250ms``)."""

    text: str
    metric: Limited
    limit: float
    is_relative: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError, with what was expected, when the text is no such limit."""
        match = _EXPRESSION.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"expected a limit such as 'throughput < -5%' or 'p99 < 250ms', got {text!r:.60}")
        metric, limit = match["metric"], match["limit"].strip()
        if metric not in _ABSOLUTE:
            raise ValueError(f"expected a limit of {', '.join(get_args(Limited))}, got {text!r:.60}")
        if metric == "errors" and limit.startswith(("+", "-")):
            return cls(text=text.strip(), metric=metric, limit=_change(limit, text), is_relative=True)
        if metric not in ("errors", "memory_growth") and limit.endswith("%"):
            return cls(text=text.strip(), metric=metric, limit=1 + _change(limit, text), is_relative=True)
        return cls(text=text.strip(), metric=metric, limit=_ABSOLUTE[metric](limit), is_relative=False)


def _change(limit: str, text: str) -> float:
    match = _RELATIVE.fullmatch(limit)
    if match is None:
        raise ValueError(f"expected a change with its sign, as in 'throughput < -5%', got {text!r:.60}")
    change = parse_percent(match["percent"])
    if match["sign"] == "+":
        return change
    if change >= 1:
        raise ValueError(f"expected a change of more than -100%, got {text!r:.60}")
    return -change


class GateTable(Table):
    """``[gate]``: the limits; with ``strict``, what this run can't tell or did not measure fails too."""

    fail_on: Words = ()
    strict: bool = False

    @field_validator("fail_on")
    @classmethod
    def _are_limits(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            Gate.parse(text)
        return texts

    @property
    def gates(self) -> tuple[Gate, ...]:
        """The limits, understood."""
        return tuple(map(Gate.parse, self.fail_on))
