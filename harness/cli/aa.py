"""The verb that measures the noise of this machine."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.fleet import FleetFile, open_testbed
from harness.cli.options import Interleaving, Malloc, MaxTime, Out, Seed, Slice, Window, rounds
from harness.cli.usage import usage_errors


def aa_command(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The scenario, a TOML file; only its baseline is run.")],
    many: Annotated[
        str | None, typer.Option("--rounds", metavar="N|auto", help="Rounds, each of the baseline twice.")
    ] = None,
    max_time: MaxTime = None,
    window: Window = None,
    interleave: Interleaving = None,
    slice_s: Slice = None,
    malloc: Malloc = None,
    in_place: Annotated[bool, typer.Option("--in-place", help="Run in this folder, not from two checkouts.")] = False,
    fleet: FleetFile = None,
    seed: Seed = None,
    out: Out = Path("results"),
) -> None:
    """Compare the baseline with itself: what looks like a difference then is the noise of this machine.

    In a git repository it runs from two checkouts of the working tree, as two commits do, of which one has a comment
    more in each source file; else, or with --in-place or --fleet, twice in this folder.

    Comparisons made here later with the same baseline and load quote it.
    """
    from rich.console import Console

    from harness.analysis.noise import compute_noise_floor, make_aa_scenario
    from harness.cli.measuring import measure, print_doubts
    from harness.cli.outcome import exit_code, has_answers
    from harness.cli.scenario import load_selected
    from harness.measure.base_and_head import prepare_against_itself
    from harness.measure.preparation import seed_or_random
    from harness.record import read_run, write_noise_floor

    console = Console()
    overrides = {
        "rounds": None if many is None else rounds(many),
        "max_time": max_time,
        "interleave": interleave,
        "slice": slice_s,
        "load.duration": window,
    }
    with usage_errors(), open_testbed(fleet) as testbed:
        scenario, drawn = load_selected(file, overrides, None, malloc), seed_or_random(seed)
        if in_place or fleet is not None:
            prepared = testbed.prepare(make_aa_scenario(scenario), drawn)
            path = measure(context, console, prepared, out, testbed=testbed)
        else:
            with prepare_against_itself(scenario, Path.cwd(), drawn) as prepared:
                print_doubts(console, list(prepared.doubts))
                path = measure(context, console, prepared, out)
        run = read_run(path)

        from harness.cli.reporting import print_places
        from harness.report.noise import render_noise_terminal
        from harness.report.write import write_reports

        report = write_reports(run)
        if has_answers(run):
            floor = compute_noise_floor(report)
            write_noise_floor(path, floor)
            console.print(render_noise_terminal(report, floor))
        print_places(console, run)
    raise typer.Exit(exit_code(run))
