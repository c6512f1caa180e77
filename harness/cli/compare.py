"""The verb that compares the topologies of a scenario."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.fleet import FleetFile, open_testbed
from harness.cli.options import (
    FailOn,
    Form,
    Format,
    Interleaving,
    LoadGrid,
    MallocOrBoth,
    Margin,
    MaxTime,
    Only,
    Out,
    Precision,
    Racing,
    ScenarioFiles,
    Seed,
    Slice,
    Soak,
    Strict,
    Warmup,
    Window,
    load_grid,
    rounds,
)
from harness.cli.usage import usage_errors


def compare_command(
    context: typer.Context,
    files: ScenarioFiles,
    many: Annotated[
        str | None,
        typer.Option("--rounds", metavar="N|auto", help="Rounds, each of every topology once; auto: until sure."),
    ] = None,
    precision: Precision = None,
    max_time: MaxTime = None,
    margin: Margin = None,
    window: Window = None,
    warmup: Warmup = None,
    connections: Annotated[
        int | None, typer.Option(min=1, help="Connections; the groups of them are never more than these.")
    ] = None,
    grid: LoadGrid = None,
    rate: Annotated[float | None, typer.Option("-R", "--rate", min=0.0, help="Open loop: requests/s.")] = None,
    expect_body: Annotated[
        str | None,
        typer.Option(metavar="any|same|SHA256|contains:TEXT|matches:REGEX", help="What a good body is."),
    ] = None,
    interleave: Interleaving = None,
    slice_s: Slice = None,
    race: Racing = None,
    soak: Soak = None,
    malloc: MallocOrBoth = None,
    only: Only = None,
    fleet: FleetFile = None,
    seed: Seed = None,
    out: Out = Path("results"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    fail_on: FailOn = None,
    strict: Strict = False,
    form: Form = Format.TEXT,
) -> None:
    """Compare the topologies of a scenario: launch each, load it, and report. Several scenarios are read and checked
    before the first of them is measured; the exit code is the most serious of theirs."""
    from rich.console import Console

    from harness.cli.measuring import measure, print_skipped
    from harness.cli.outcome import check_compared, most_serious, with_gates
    from harness.cli.plan_table import describe_surroundings, plan_table
    from harness.cli.scenario import check_form, load_selected
    from harness.measure.preparation import seed_or_random
    from harness.record import read_run

    console = Console(stderr=form.is_alone)
    overrides = {
        "rounds": None if many is None else rounds(many),
        "precision": precision,
        "max_time": max_time,
        "margin": margin,
        "interleave": interleave,
        "slice": slice_s,
        "race": race,
        "soak": soak,
        "load.duration": window,
        "load.warmup": warmup,
        "load.connections": connections,
        "load.grid.connections": None if grid is None else load_grid(grid),
        "load.rate": rate,
        "load.expect_body": expect_body,
    }
    codes: list[int] = []
    with usage_errors(codes), open_testbed(fleet) as testbed:
        check_form(form, files)
        runs = []
        for file in files:
            scenario = check_compared(with_gates(load_selected(file, overrides, only, malloc), fail_on, strict))
            runs.append((file, testbed.prepare(scenario, seed_or_random(seed))))
        for file, prepared in runs:
            print_skipped(console, prepared)
            if dry_run:
                console.print(plan_table(prepared))
                for line in describe_surroundings(prepared.scenario):
                    console.print(line, markup=False, highlight=False, soft_wrap=True)
                continue
            others = [other for other in files if other != file]
            run = read_run(measure(context, console, prepared, out, others, testbed))

            from harness.cli.reporting import report_run

            codes.append(report_run(console, run, form))
            if not run.is_whole:
                break
    raise typer.Exit(most_serious(codes))
