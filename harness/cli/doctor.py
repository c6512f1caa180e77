"""The verb that says what about this machine spoils measurements."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.fleet import FleetFile, open_hosts
from harness.cli.usage import usage_errors


def doctor_command(
    file: Annotated[
        Path | None,
        typer.Argument(help="A scenario, whose connections, rate, workers and generator the machine has to bear."),
    ] = None,
    fleet: FleetFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as a JSON list instead.")] = False,
) -> None:
    """Tell what about this machine spoils measurements, and what to do about it; or about each machine of a fleet.

    Warnings are advice: the exit code is 0 with them too, and 2 for a scenario that can't be used.
    """
    from pydantic import TypeAdapter
    from rich.console import Console

    from harness.cli.doctor_table import checks_table, closing_line
    from harness.doctor.check import Check
    from harness.doctor.checkup import run_checkup
    from harness.machine.host import Host
    from harness.scenario import load_scenario

    with usage_errors(), open_hosts(fleet) as hosts:
        scenario = None if file is None else load_scenario(file)
        checks = run_checkup(Host.here(), scenario) if hosts is None else hosts.examine_hosts(scenario)
    if as_json:
        typer.echo(TypeAdapter(list[Check]).dump_json(checks, indent=2).decode())
        return
    console = Console()
    console.print(checks_table(checks))
    console.print(closing_line(checks, scenario), highlight=False)
