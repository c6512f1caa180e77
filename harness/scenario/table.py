"""What the tables of a scenario have in common: strict, frozen, without unknown keys; durations as text."""

from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from harness.units import parse_duration_s, parse_percent

MOST_S: Final = 7 * 24 * 3600.0
NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"  # also the name of files


class ScenarioError(Exception):
    """The scenario can't be used. The message holds every reason, a line each, with file and key."""


def _duration_s(value: object) -> object:
    return parse_duration_s(value) if isinstance(value, str) else value


def _share(value: object) -> object:
    return parse_percent(value) if isinstance(value, str) else value


DurationS = Annotated[float, BeforeValidator(_duration_s), Field(le=MOST_S)]
Percent = Annotated[float, BeforeValidator(_share), Field(gt=0, lt=1)]  # 0.03 for "3%"
Words = Annotated[tuple[str, ...], Field(strict=False)]


class Table(BaseModel):
    """One table of the file, or what it stands for."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        ser_json_bytes="base64",
        val_json_bytes="base64",
    )
