"""What the tables of a scenario have in common: strict, frozen, without unknown keys; durations as text."""

from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from harness.errors import HarnessError
from harness.text import obeys
from harness.text.problems import shown
from harness.units import parse_duration_s, parse_percent

MOST_S: Final = 7 * 24 * 3600.0
LEAST_SHARE: Final = 1e-6  # which no measurement could tell from 0
NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"  # also the name of files


class ScenarioError(HarnessError):
    """The scenario can't be used. The message holds every reason, a line each, with file and key."""


def _duration_s(value: object) -> object:
    seconds = parse_duration_s(value) if isinstance(value, str) else value
    if isinstance(seconds, int | float) and seconds > MOST_S:
        raise ValueError(f"expected at most seven days, got {shown(value)}")
    return seconds


def _share(value: object) -> object:
    share = parse_percent(value) if isinstance(value, str) else value
    if isinstance(share, int | float) and not LEAST_SHARE <= share < 1:
        meant = f": write '{value}%'" if not isinstance(value, str) and 1 <= share < 100 else ""
        raise ValueError(f"expected at least 0.0001% and less than 100%, such as '3%', got {shown(value)}{meant}")
    return share


Name = Annotated[
    str,
    obeys(
        NAME.strip("^$"),
        "expected a name of letters, digits and any of ._+- that begins with a letter or a digit, since files are named"
        " after it",
    ),
    Field(max_length=80),
]
DurationS = Annotated[float, BeforeValidator(_duration_s)]
Percent = Annotated[float, BeforeValidator(_share)]  # 0.03 for "3%"
Words = Annotated[tuple[str, ...], Field(strict=False)]


class TomlTable(BaseModel):
    """One table of the file, or what it stands for."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        ser_json_bytes="base64",
        val_json_bytes="base64",
    )
