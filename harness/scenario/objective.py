"""Service level objectives: ``p99 < 250ms``, ``errors < 0.1%``."""

from typing import Annotated, Final, Self

from pydantic import Field

from harness.scenario.table import TomlTable
from harness.scenario.threshold import Threshold

EXAMPLES: Final = "an objective such as 'p99 < 250ms' or 'errors < 0.1%'"


class Objective(TomlTable):
    """One service level objective: at most the part ``allowed`` of the requests may break it.

    A request breaks the objective if it gets no good response within ``limit_ms`` or, where that is None, no good
    response at all. So ``p99 < 250ms`` means: at most one request in a hundred has no good response within 250 ms.
    """

    text: str
    limit_ms: float | None
    allowed: Annotated[float, Field(gt=0, lt=1)]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the objective that the text states. Raises ValueError, with what was expected, when it is none."""
        limit = Threshold.parse(text, EXAMPLES)
        if reason := _reason_against(limit):
            raise ValueError(f"expected {EXAMPLES}, {reason}, got {text!r:.60}")
        if limit.percent is None:
            return cls(text=limit.text, limit_ms=None, allowed=limit.value)
        return cls(text=limit.text, limit_ms=limit.value, allowed=1 - limit.percent / 100)


def _reason_against(limit: Threshold) -> str | None:
    """Return what an objective has and this limit has not; None where the limit can be an objective."""
    if limit.percent is None and limit.figure != "errors":
        return "of a percentile or of errors"
    if limit.request is not None:
        return "of all requests"
    if limit.is_relative:
        return "without another to compare with"
    if not limit.is_upper:
        return "with < for what has to hold"
    if limit.percent is not None and not limit.value:
        return "with a duration above 0"
    if limit.percent is None and not 0 < limit.value < 1:
        return "which some requests may break, and not all of them"
    return None
