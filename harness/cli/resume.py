"""The verb that goes on with an interrupted run."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.fleet import FleetFile, open_testbed
from harness.cli.options import Form, Format
from harness.cli.usage import usage_errors


def resume_command(
    run: Annotated[Path, typer.Argument(help="The folder of a run that was interrupted.")],
    fleet: FleetFile = None,
    form: Form = Format.TEXT,
) -> None:
    """Make the trials that an interrupted run still lacks, by the same plan, and report.

    Refused when the code, the programs, the packages or the machine are not what the run began with.
    """
    from rich.console import Console

    from harness.cli.measuring import display, print_doubts
    from harness.measure.compare import resume
    from harness.measure.preparation import prepare_again
    from harness.record import read_run

    console = Console(stderr=form.is_alone)
    with usage_errors(), open_testbed(fleet) as testbed:
        found = read_run(run)
        prepared = prepare_again(found, testbed.describe_environment(), testbed)
        print_doubts(console, list(prepared.doubts))
        with display(console, prepared) as observer:
            path = resume(found, prepared, observer, testbed)

        from harness.cli.reporting import report_run

        code = report_run(console, read_run(path), form)
    raise typer.Exit(code)
