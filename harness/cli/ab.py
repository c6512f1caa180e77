"""The verb that compares two commits, side by side on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.fleet import FleetFile, open_testbed
from harness.cli.options import (
    FailOn,
    Form,
    Format,
    Interleaving,
    Malloc,
    Margin,
    MaxTime,
    Only,
    Out,
    Precision,
    ScenarioFiles,
    Seed,
    Slice,
    Strict,
    Warmup,
    Window,
    rounds,
)
from harness.cli.usage import usage_errors


def ab_command(
    context: typer.Context,
    files: ScenarioFiles,
    base: Annotated[str, typer.Option(metavar="REF", help="The commit, branch or tag to compare with.")],
    head: Annotated[
        str | None, typer.Option(metavar="REF", help="The one to be judged.", show_default="the working tree")
    ] = None,
    many: Annotated[
        str | None,
        typer.Option("--rounds", metavar="N|auto", help="Rounds, each of all pairs once; auto: until sure."),
    ] = None,
    precision: Precision = None,
    max_time: MaxTime = None,
    margin: Margin = None,
    window: Window = None,
    warmup: Warmup = None,
    interleave: Interleaving = None,
    slice_s: Slice = None,
    malloc: Malloc = None,
    only: Only = None,
    fleet: FleetFile = None,
    seed: Seed = None,
    out: Out = Path("results"),
    fail_on: FailOn = None,
    strict: Strict = False,
    form: Form = Format.TEXT,
) -> None:
    """Say whether one commit is slower than another: check both out, and measure them in turn, pair by pair.

    Without a gate, it fails when the head serves 5 % fewer requests per second (not under a rate), its p99 is 10 %
    longer, a request takes 5 % more CPU, it holds 10 % more memory, or 0.1 % more of all requests fail. Of several
    scenarios, the exit code is the most serious.
    """
    from rich.console import Console

    from harness.cli.measuring import measure, print_doubts
    from harness.cli.outcome import most_serious, with_gates
    from harness.cli.scenario import check_form, load_selected
    from harness.measure.base_and_head import default_gates, find_sides
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
        "load.duration": window,
        "load.warmup": warmup,
    }
    codes: list[int] = []
    with usage_errors(codes), open_testbed(fleet) as testbed:
        check_form(form, files)
        scenarios = [(file, load_selected(file, overrides, only, malloc)) for file in files]
        gated = [(file, with_gates(each, fail_on, strict, default_gates(each))) for file, each in scenarios]
        repository = Path.cwd()
        sides = find_sides(repository, base, head)
        for name, revision in zip(("base", "head"), sides, strict=True):
            changes = ", with uncommitted changes" if revision.is_changed else ""
            line = f"{name}: {revision.short} {revision.subject} ({revision.ref}{changes})"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        for file, scenario in gated:
            others = [other for other in files if other != file]
            with testbed.prepare_side_by_side(scenario, repository, sides, seed_or_random(seed)) as prepared:
                print_doubts(console, list(prepared.doubts))
                run = read_run(measure(context, console, prepared, out, others, testbed))

            from harness.cli.reporting import report_run

            codes.append(report_run(console, run, form))
            if not run.is_whole:
                break
    raise typer.Exit(most_serious(codes))
