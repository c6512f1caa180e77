"""The verb that sets two runs beside each other."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.outcome import FailOn, Form, Format, Strict, gate_code, with_gates
from harness.cli.usage import UsageError, usage_errors
from harness.record import read_run


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
    console = form.console()
    with usage_errors():
        from harness.analysis.difference import request_rows_across, rows_across, unlike_loads, warnings_of
        from harness.analysis.gates import evaluate_gates
        from harness.report.difference import difference_lines, render_difference_markdown
        from harness.report.machine import render_csv, render_difference, render_junit

        before, after = read_run(base), read_run(head)
        unlike = unlike_loads(before, after)
        if unlike and not lenient:
            raise UsageError("\n".join([f"{base} and {head} were under different loads", *unlike, "--lenient goes on"]))
        if not {each.title for each in before.scenario.topologies} & {each.title for each in after.scenario.topologies}:
            raise UsageError(f"{base} and {head} have no topology in common")
        scenario = with_gates(after.scenario, fail_on, strict)
        after = after.model_copy(update={"scenario": scenario})
        warnings = [*warnings_of(before, after), *(f"The loads differ: {each}." for each in unlike)]
        rows = rows_across(before, after)
        rulings = evaluate_gates(scenario.gate.gates, rows)
        if form is Format.TEXT:
            console.print(difference_lines(warnings, rows, rulings))
        elif form is Format.JSON:
            shown = [*rows, *request_rows_across(before, after)]
            typer.echo(render_difference(before, after, warnings, shown, rulings), nl=False)
        elif form is Format.CSV:
            typer.echo(render_csv([*rows, *request_rows_across(before, after)]), nl=False)
        elif form is Format.JUNIT:
            typer.echo(render_junit(scenario, rulings), nl=False)
        elif form is Format.HTML:
            raise UsageError("there is no page of two runs; --format markdown is nearest to it")
        else:
            typer.echo(render_difference_markdown(before, after, warnings, rows, rulings), nl=False)
        code = gate_code(scenario, rulings)
    raise typer.Exit(code)
