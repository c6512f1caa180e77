"""The base of all tables of a scenario: strict and frozen, without unknown keys, with durations as text."""

from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from harness.errors import HarnessError
from harness.text import pattern_validator
from harness.text.problems import format_value
from harness.units import parse_duration_s, parse_percent

MAX_DURATION_S: Final = 7 * 24 * 3600.0
MIN_SHARE: Final = 1e-6  # no measurement could distinguish less from 0
MAX_NAME_LENGTH: Final = 80
MAX_WORKERS: Final = 1024
NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"  # files are named after it


class ScenarioError(HarnessError):
    """An error in a scenario, which can't be used. The message holds every reason, a line each, with file and key."""


def _parse_duration_s(value: object) -> object:
    seconds = parse_duration_s(value) if isinstance(value, str) else value
    if isinstance(seconds, int | float) and seconds > MAX_DURATION_S:
        raise ValueError(f"expected at most seven days, got {format_value(value)}")
    return seconds


def _parse_share(value: object) -> object:
    share = parse_percent(value) if isinstance(value, str) else value
    if isinstance(share, int | float) and not MIN_SHARE <= share < 1:
        meant = f": write '{value}%'" if not isinstance(value, str) and 1 <= share < 100 else ""
        raise ValueError(
            f"expected at least 0.0001% and less than 100%, such as '3%', got {format_value(value)}{meant}"
        )
    return share


Name = Annotated[
    str,
    pattern_validator(
        NAME.strip("^$"),
        "expected a name of letters, digits and any of ._+- that begins with a letter or a digit, since files are named"
        " after it",
    ),
    Field(max_length=MAX_NAME_LENGTH),
]
# In files, and so in their schema, both are texts or numbers: "2s" and "3%", or 2.0 and 0.03.
DurationS = Annotated[float, BeforeValidator(_parse_duration_s, json_schema_input_type=str | float)]
Percent = Annotated[float, BeforeValidator(_parse_share, json_schema_input_type=str | float)]
Words = Annotated[tuple[str, ...], Field(strict=False)]


class TomlTable(BaseModel):
    """One table of the file, or the model that it is resolved to."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        ser_json_bytes="base64",
        val_json_bytes="base64",
    )
