"""What users are promised: ``p99 < 250ms``, ``errors < 0.1%``."""

import re
from typing import Annotated, Final, Self

from pydantic import Field

from harness.scenario.table import Table
from harness.units import parse_duration_s, parse_percent

_EXPRESSION: Final = re.compile(r"(?:errors|p(?P<percent>\d{1,2}(?:\.\d{1,4})?))\s*<=?\s*(?P<limit>\S.*)", re.ASCII)


class Objective(Table):
    """One service level objective: at most the part ``allowed`` of the requests may break it.

    A request breaks it that gets no good response within ``limit_ms`` or, where that is None, no good response at all.
    So ``p99 < 250ms`` reads: at most one request in a hundred without a good response within 250 ms.
    """

    text: str
    limit_ms: float | None
    allowed: Annotated[float, Field(gt=0, lt=1)]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError, with what was expected, when the text is no such objective."""
        match = _EXPRESSION.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"expected an objective such as 'p99 < 250ms' or 'errors < 0.1%', got {text!r:.60}")
        if match["percent"] is None:
            allowed, limit_ms = parse_percent(match["limit"]), None
        else:
            allowed, limit_ms = 1 - float(match["percent"]) / 100, _ms(match["limit"])
        if not 0 < allowed < 1:
            raise ValueError(f"expected something that some requests may break, and not all of them, got {text!r:.60}")
        return cls(text=text.strip(), limit_ms=limit_ms, allowed=allowed)


def _ms(text: str) -> float:
    if text[-1:].isdigit():  # seconds elsewhere, which nobody means here
        raise ValueError(f"expected a duration with its unit, such as '250ms', got {text!r:.60}")
    duration_ms = parse_duration_s(text) * 1000
    if not duration_ms:
        raise ValueError(f"expected a duration above 0, got {text!r:.60}")
    return duration_ms
