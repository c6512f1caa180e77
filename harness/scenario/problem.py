"""Problems of a scenario that its parts, each well-formed, have with each other or with files: each with its place."""

from collections.abc import Iterable

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from harness.scenario.include import Location

Problem = tuple[Location, str]


def require_none(problems: Iterable[Problem]) -> None:
    """Raise ValidationError with all of the problems, if there are any."""
    details = [
        InitErrorDetails(type="value_error", loc=location, input=None, ctx={"error": ValueError(said)})
        for location, said in problems
    ]
    if details:
        raise ValidationError.from_exception_data("scenario", details)
