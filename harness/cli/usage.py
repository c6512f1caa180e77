"""Input that can't be used ends in one message and exit code 2, never in a traceback."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import typer

from harness.errors import HarnessError

ARGUMENTS: Final = "harness.arguments"  # of the command line, as they were given: a key of the context's ``meta``


class UsageError(HarnessError):
    """Options that can't be used. The message holds every reason, a line each."""


@contextmanager
def usage_errors(codes: Sequence[int] = ()) -> Iterator[None]:
    """Say what is wrong with the input and end with exit code 2, or with a more serious one of the runs before it."""
    try:
        yield
    except HarnessError as error:
        from harness.cli.outcome import most_serious
        from harness.text import printable
        from harness.text.redaction import hide_secrets

        typer.echo("harness: " + "\n".join(map(printable, hide_secrets(str(error)).splitlines())), err=True)
        raise typer.Exit(most_serious([*codes, 2])) from error
