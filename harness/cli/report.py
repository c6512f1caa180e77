"""The verb that makes the reports of a run again."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import Form, Format
from harness.cli.usage import usage_errors


def report_command(
    run: Annotated[Path, typer.Argument(help="A run folder, such as results/latest.")],
    form: Form = Format.TEXT,
) -> None:
    """Make the reports of a run again, from its folder alone."""
    from rich.console import Console

    from harness.record import read_run

    console = Console(stderr=form.is_alone)
    with usage_errors():
        found = read_run(run)

        from harness.cli.reporting import report_capacity, report_run

        if found.is_search:
            report_capacity(console, found)
        else:
            report_run(console, found, form)
