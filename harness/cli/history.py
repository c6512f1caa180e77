"""The verb that shows what became of a scenario from run to run."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from harness.cli.usage import usage_errors


def history_command(
    results: Annotated[Path, typer.Argument(help="The folder that holds the run folders.")] = Path("results"),
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="p99", help="By what: throughput, p50, p99, cpu_per_request, memory.", show_default="what decides"
        ),
    ] = None,
    topology: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of which topology.", show_default="the baseline")
    ] = None,
    scenario: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of this scenario alone.", show_default="all of them")
    ] = None,
    form: Annotated[Literal["text", "markdown", "html"], typer.Option("--format", help="What is printed.")] = "text",
) -> None:
    """List all runs, oldest first: each against the one before it, and where the level changed.

    Every run was made at another time, and what the machine did in between is in the difference: harness ab measures
    two commits side by side.
    """
    from rich.console import Console

    from harness.analysis.history.history import histories
    from harness.analysis.history.runs import read_runs
    from harness.report.history import render_history_html, render_history_markdown, render_history_terminal

    with usage_errors():
        with Console(stderr=True).status("Reading the runs"):
            runs, unread = read_runs(results)
        found = histories(runs, scenario, topology, metric)
    if form == "text":
        Console().print(render_history_terminal(found, unread), highlight=False)
    else:
        typer.echo((render_history_html if form == "html" else render_history_markdown)(found, unread), nl=False)
