"""The demand that the options of ``harness plan`` come to."""

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from harness.cli.usage import UsageError
from harness.planning.demand import Demand
from harness.text.problems import describe_expected


def demand_of(asked: dict[str, object]) -> Demand:
    """Return the demand. Raises UsageError with everything that is wrong with it."""
    try:
        return Demand.model_validate(asked)
    except ValidationError as error:
        raise UsageError("\n".join(map(_problem, error.errors()))) from error


def _problem(details: ErrorDetails) -> str:
    """Return the problem in the words of the command line, which has no units in its names."""
    name = str(details["loc"][0]).removesuffix("_per_s").removesuffix("_bytes").removesuffix("_per_h")
    return f"--{name.replace('_', '-')}: {describe_expected(details)}"
