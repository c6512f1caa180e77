"""The verb that sets two runs beside each other."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import FailOn, Form, Format, Strict
from harness.cli.usage import UsageError, usage_errors


def diff_command(
    base: Annotated[Path, typer.Argument(help="A run folder.")],
    head: Annotated[Path, typer.Argument(help="The one to be judged.")],
    lenient: Annotated[bool, typer.Option("--lenient", help="Go on although the loads differ.")] = False,
    fail_on: FailOn = None,
    strict: Strict = False,
    form: Form = Format.TEXT,
) -> None:
    """Set two runs beside each other, topology by topology. What the machine did in between is in the difference:
    harness ab measures two commits side by side.

    Runs of different loads are refused; of different machines, what differs is told.
    """
    from rich.console import Console

    from harness.cli.outcome import gate_code, with_gates
    from harness.record import read_run

    console = Console(stderr=form.is_alone)
    with usage_errors():
        from harness.analysis.difference import RunDifference
        from harness.report.difference import render_difference_terminal
        from harness.report.formats import DIFFERENCE_FORMATS

        difference = RunDifference(read_run(base), read_run(head))
        if difference.load_differences and not lenient:
            reasons = [f"{base} and {head} were under different loads", *difference.load_differences]
            raise UsageError("\n".join([*reasons, "--lenient goes on"]))
        if not difference.has_common_topologies:
            raise UsageError(f"{base} and {head} have no topology in common")
        difference = difference.with_scenario(with_gates(difference.head.scenario, fail_on, strict))
        if form is Format.TEXT:
            console.print(render_difference_terminal(difference))
        elif render := DIFFERENCE_FORMATS.get(form):
            typer.echo(render(difference), nl=False)
        else:
            raise UsageError("there is no page of two runs; --format markdown is nearest to it")
        code = gate_code(difference.head.scenario, difference.gate_results)
    raise typer.Exit(code)
