"""Puts the report of a comparison under the pull request that a job is about.

Where none can be put, since the token may only read or there is no pull request, a notice is all: the gate decides over
a job, and not the comment.
"""

import asyncio
import os
import re
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from pydantic import BaseModel, ValidationError

from action.conversation import ApiError, Comment, NoCommentError, first_line, post
from harness.text import printable

MARKER: Final = re.compile(r"<!-- harness: .+ -->")
MOST_CHARACTERS: Final = 65_536  # that GitHub takes for a comment


class UsageError(Exception):
    """What the job hands over can't be used. The message says what and why."""


class Numbered(BaseModel):
    """A pull request, or an issue that may be one."""

    number: int
    pull_request: dict[str, object] | None = None


class Event(BaseModel):
    """What started the job, as far as it matters here."""

    pull_request: Numbered | None = None
    issue: Numbered | None = None

    @property
    def number(self) -> int | None:
        """Of the pull request; None when there is none."""
        if self.pull_request:
            return self.pull_request.number
        return self.issue.number if self.issue and self.issue.pull_request else None


def read_body(file: Path) -> str:
    """What is to be posted. Raises UsageError."""
    try:
        body = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: can't be read: {error}") from error
    if not MARKER.fullmatch(first_line(body)):
        raise UsageError(f"{file}: does not begin with <!-- harness: NAME -->, by which it would be found again")
    if len(body) > MOST_CHARACTERS:
        raise UsageError(f"{file}: has {len(body):,} characters, of which a comment holds {MOST_CHARACTERS:,}")
    return body


def read_event(file: Path) -> Event:
    """What started the job. Raises UsageError."""
    try:
        return Event.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise UsageError(f"{file}: can't be read as an event: {error}") from error


def post_comment(file: Path) -> Comment:
    """As the variables of the job say. Raises UsageError, ApiError and NoCommentError."""
    body = read_body(file)
    number = read_event(Path(_variable("GITHUB_EVENT_PATH"))).number
    if number is None:
        raise NoCommentError("the event that started this job has no pull request")
    place = _variable("GITHUB_API_URL"), _variable("GITHUB_REPOSITORY"), number
    return asyncio.run(post(*place, _variable("GITHUB_TOKEN"), body))


def _variable(name: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise UsageError(f"{name}: is not set")
    return value


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    file: Annotated[Path, typer.Argument(help="Markdown that begins with <!-- harness: NAME -->.")],
) -> None:
    """Put the comment under the pull request of this job.

    GITHUB_API_URL, GITHUB_REPOSITORY and GITHUB_EVENT_PATH say which that is, GITHUB_TOKEN who writes.

    Exit codes: 0 it is there, or there can be none; 1 the API failed; 2 the input can't be used.
    """
    try:
        typer.echo(f"Comment: {printable(post_comment(file).html_url)}")
    except NoCommentError as error:
        _tell("notice", f"No comment: {error}. The summary of the job has it all.")
    except ApiError as error:
        _tell("error", f"No comment: {error}")
        raise typer.Exit(1) from error
    except UsageError as error:
        _tell("error", str(error))
        raise typer.Exit(2) from error


def _tell(level: Literal["notice", "error"], text: str) -> None:
    """As a workflow command, which GitHub shows beside the job."""
    typer.echo(f"::{level} title=harness::{printable(text).replace('%', '%25')}")


if __name__ == "__main__":
    app()
