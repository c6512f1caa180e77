"""The command that a scenario has run: its words, and the environment that it gets."""

import contextlib
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from harness.scenario.placeholders import (
    ENV,
    KNOWN_IN_COMMANDS,
    PlaceholderError,
    check_placeholders,
    variables_of,
)
from harness.text import pattern_validator


def check_command(words: tuple[str, ...], known: Sequence[str] = KNOWN_IN_COMMANDS) -> tuple[str, ...]:
    """Return the words. Raises ValueError for braces that nothing fills: of ``known`` names alone."""
    with contextlib.suppress(PlaceholderError):
        if variables_of(check_placeholders(words, (*known, ENV))):
            raise ValueError(
                "expected no {env:NAME}, since everybody on a machine may read the commands that run on it: the server"
                " can get it in env"
            )
    check_placeholders(words, known)
    return words


def check_variables(variables: dict[str, str], known: Sequence[str] = KNOWN_IN_COMMANDS) -> dict[str, str]:
    """Return the variables. Raises ValueError for braces that nothing fills, of ``known`` names and variables of the
    caller, without the values, which may be secrets."""
    for name, value in variables.items():
        try:
            check_placeholders([value], (*known, ENV))
        except PlaceholderError as error:
            raise ValueError(f"{name}: {error.where}") from error
        if "\0" in value:
            raise ValueError(f"{name}: expected no NUL, which no variable can hold")
    return variables


Cwd = Annotated[str, Field(min_length=1)]
PassedName = Annotated[
    str,
    pattern_validator(
        r"[A-Za-z_][A-Za-z0-9_]*",
        "expected the name of a variable: letters, digits and _, and no digit at its beginning",
    ),
]
PassedNames = Annotated[tuple[PassedName, ...], Field(strict=False)]
VariableName = Annotated[
    str,
    pattern_validator(
        r"[^=\x00-\x1f\x7f]+",
        "expected the name of a variable, which is not empty and has no = and no control characters",
    ),
]
VariableNames = Annotated[tuple[VariableName, ...], Field(strict=False)]
Variables = Annotated[dict[VariableName, str], AfterValidator(check_variables)]


def check_public_names(public: Sequence[str], variables: dict[str, str]) -> None:
    """Raise ValueError where ``public_env`` names what ``env`` does not have."""
    if missing := [name for name in public if name not in variables]:
        raise ValueError(f"public_env names {', '.join(missing)}, which env does not have")
