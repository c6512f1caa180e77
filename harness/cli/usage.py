"""What the verbs have in common: exit codes, and input that can't be used ends in one message, never a traceback."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from harness.errors import HarnessError
from harness.text import printable
from harness.text.redaction import hide_secrets
from harness.units import parse_duration_s


class UsageError(HarnessError):
    """Options that can't be used. The message holds every reason, a line each."""


def duration(text: str | float) -> float:
    """An option's duration in seconds."""
    if isinstance(text, float):  # a default, which Typer hands to the parser too
        return text
    try:
        return parse_duration_s(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def rounds(text: str) -> int | str:
    """An option's number of rounds, or ``auto``."""
    if re.fullmatch(r"-?\d{1,9}", text, re.ASCII):
        return int(text)
    return text  # the scenario says what is wrong with it


@contextmanager
def usage_errors() -> Iterator[None]:
    """Say what is wrong with the input and end with exit code 2."""
    try:
        yield
    except HarnessError as error:
        typer.echo("harness: " + "\n".join(map(printable, hide_secrets(str(error)).splitlines())), err=True)
        raise typer.Exit(2) from error
