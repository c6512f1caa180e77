"""The verb that says how many workers and hosts a target needs."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

from harness.cli.usage import UsageError, usage_errors
from harness.units import Price, parse_percent, parse_price, parse_rate_per_s, parse_size_bytes

Parsed = TypeVar("Parsed")


def _option(parse: Callable[[str], Parsed]) -> Callable[[str], Parsed]:
    """Return the parser of an option, which says what was expected."""

    def parse_option(text: str) -> Parsed:
        try:
            return parse(text)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error

    return parse_option


def plan_command(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="The folder of a comparison in a closed loop, or of a capacity run.")],
    target: Annotated[
        float, typer.Option(parser=_option(parse_rate_per_s), metavar="800/s", help="What is to be carried.")
    ],
    peak_factor: Annotated[
        float | None, typer.Option(metavar="1.5", show_default="1", help="The peak is so many times the target.")
    ] = None,
    headroom: Annotated[
        float | None,
        typer.Option(
            parser=_option(parse_percent), metavar="30%", show_default="30%", help="Of the capacity, free at the peak."
        ),
    ] = None,
    lose: Annotated[
        int | None, typer.Option(metavar="1", show_default="0", help="Hosts that may be lost at the peak.")
    ] = None,
    workers: Annotated[
        str | None, typer.Option(metavar="N,N", show_default="as measured; one a core", help="Workers on a host.")
    ] = None,
    instances_per_host: Annotated[
        int | None, typer.Option(metavar="2", show_default="1", help="Such servers that a host runs beside each other.")
    ] = None,
    cores_per_host: Annotated[
        int | None, typer.Option(metavar="8", show_default="as the measured machine", help="Cores of a host.")
    ] = None,
    memory_per_host: Annotated[
        float | None,
        typer.Option(
            parser=_option(parse_size_bytes),
            metavar="16GB",
            show_default="as the measured machine",
            help="Memory of a host.",
        ),
    ] = None,
    host_cost: Annotated[
        Price | None, typer.Option(parser=_option(parse_price), metavar="0.34€/h", help="What a host costs (h, month).")
    ] = None,
    form: Annotated[Literal["text", "markdown", "json"], typer.Option("--format", help="What is printed.")] = "text",
) -> None:
    """Tell how many workers and hosts a target needs, by what a run has measured, and what that rests on.

    Writes plan.md and plan.json into the run's folder. What the measurements do not carry is refused, with what to
    measure instead.
    """
    from rich.console import Console

    from harness.cli.demand import demand_of
    from harness.cli.measuring import command_line
    from harness.planning.evidence import evidence_of
    from harness.planning.excluded import PlanningError
    from harness.planning.proposal import propose
    from harness.record import read_run
    from harness.report.plan import render_plan_markdown, render_plan_terminal, write_plan
    from harness.report.plan_document import render_plan_json

    asked = {
        "target_per_s": target,
        "peak_factor": peak_factor,
        "headroom": headroom,
        "lose": lose,
        "workers": None if workers is None else tuple(part.strip() for part in workers.split(",")),
        "instances_per_host": instances_per_host,
        "cores_per_host": cores_per_host,
        "memory_per_host_bytes": memory_per_host,
        "host_cost_per_h": host_cost.per_h if host_cost else None,
        "currency": host_cost.currency if host_cost else None,
    }
    console = Console(stderr=form != "text")
    command = command_line(context)
    with usage_errors():
        demand, found = demand_of({name: value for name, value in asked.items() if value is not None}), read_run(run)
        try:
            proposal = propose(evidence_of(found), demand)
        except PlanningError as error:
            raise UsageError(f"{run}: {error}") from error
        write_plan(found, proposal, command)
        if form == "text":
            console.print(render_plan_terminal(proposal))
        else:
            render = render_plan_markdown if form == "markdown" else render_plan_json
            typer.echo(render(found, proposal, command), nl=False)
        console.print(f"Plan: {run / 'plan.md'}", highlight=False, soft_wrap=True)
