"""The options that several verbs have, each declared once, and how their texts are read."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from harness.units import parse_duration_s

EXIT_CODES: Final = (
    "Exit codes: 0 fine; 1 some trials failed or are invalid, none counts, records were left out, or a hook failed"
    " after them; 2 the input can't be used, or nothing could be measured with it; 3 a gate failed; 4 none failed, and"
    " what one of them limits can't be told; 5 or was not measured; 130 interrupted, what was measured is kept"
    " and reported."
)

CLOSED_CONNECTIONS: Final = 10  # as wrk's
OPEN_CONNECTIONS: Final = 500
MAX_RATE_ELSEWHERE_PER_S: Final = 1000.0  # on hosts that are not this machine
MAX_CONNECTIONS_ELSEWHERE: Final = 100


def duration(text: str | float) -> float:
    """Return an option's duration in seconds."""
    if isinstance(text, float):  # a default, which Typer hands to the parser too
        return text
    try:
        return parse_duration_s(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def load_grid(text: str) -> list[int | str]:
    """Return the numbers of connections of a sweep; what is no number as it stands, for the scenario to refuse."""
    name, _, values = text.partition("=")
    if name.strip() != "connections" or not values:
        raise typer.BadParameter(f"expected connections=N,N such as 'connections=1,8,64', got {text!r:.60}")
    return [rounds(value.strip()) for value in values.split(",")]


def rounds(text: str) -> int | str:
    """Return an option's number of rounds, or the text, such as ``auto``."""
    if re.fullmatch(r"-?\d{1,9}", text, re.ASCII):
        return int(text)
    return text  # the scenario says what is wrong with it


class Format(StrEnum):
    """The forms of a report. All but ``text`` are printed alone, with everything else on the standard error."""

    TEXT = "text"
    GITHUB = "github"
    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"
    CSV = "csv"
    JUNIT = "junit"

    @property
    def is_alone(self) -> bool:
        """True if the standard output gets nothing else."""
        return self is not Format.TEXT

    @property
    def is_document(self) -> bool:
        """True if two of them, one after the other, are none."""
        return self in (Format.HTML, Format.JSON, Format.CSV, Format.JUNIT)


ScenarioFile = Annotated[Path, typer.Argument(help="The scenario, a TOML file.")]
ScenarioFiles = Annotated[
    list[Path], typer.Argument(help="The scenario, a TOML file; several are measured one after the other.")
]
Precision = Annotated[
    str | None, typer.Option(metavar="3%", help="With auto rounds, intervals that end the run without a verdict.")
]
MaxTime = Annotated[
    float | None, typer.Option(parser=duration, metavar="10m", help="With auto rounds, when to stop at the latest.")
]
Margin = Annotated[str | None, typer.Option(metavar="2%", help="Differences that make no difference.")]
Window = Annotated[float | None, typer.Option("--duration", parser=duration, metavar="3s", help="Measured window.")]
Warmup = Annotated[float | None, typer.Option(parser=duration, metavar="1s", help="Load before it.")]
Interleaving = Annotated[
    Literal["auto", "turns", "slices", "trials", "both"] | None,
    typer.Option(
        "--interleave",
        help="Load that alternates between servers in turns of milliseconds or in slices, or whole trials; auto: turns"
        " of two commits, or slices, where they are sound.",
    ),
]
Slice = Annotated[float | None, typer.Option("--slice", parser=duration, metavar="500ms", help="Length of a slice.")]
LoadGrid = Annotated[
    str | None,
    typer.Option("--grid", metavar="connections=N,N", help="Sweep the load: each topology over each of these."),
]
Soak = Annotated[
    float | None,
    typer.Option(
        "--soak", parser=duration, metavar="30m", help="One long window for each topology: whether its memory grows."
    ),
]
Racing = Annotated[
    Literal["auto", "on", "off"] | None,
    typer.Option(
        "--race", help="No more rounds for topologies that are shown to be behind the best; auto: in large grids."
    ),
]
Malloc = Annotated[
    Literal["default", "keep"] | None,
    typer.Option("--malloc", help="keep: glibc's malloc keeps what the servers free, so that launches differ less."),
]
MallocOrBoth = Annotated[
    Literal["default", "keep", "both"] | None,
    typer.Option(
        "--malloc",
        help="keep: glibc's malloc keeps what the servers free; both: each topology beside itself with that.",
    ),
]
Only = Annotated[str | None, typer.Option(metavar="NAME,NAME", help="These topologies alone.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of the order; drawn when not given.")]
Out = Annotated[Path, typer.Option(help="Where run folders are made.")]
FailOn = Annotated[
    list[str] | None,
    typer.Option(metavar="LIMIT", help="A gate: 'throughput < -5%', 'p95 < 250ms', 'errors > +0.1%'; repeatable."),
]
Strict = Annotated[bool, typer.Option("--strict", help="What can't be told or was not measured is a failed gate too.")]
Form = Annotated[Format, typer.Option("--format", help="What is printed at the end.")]
