"""The verb that measures the noise of this machine."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import MaxTime, Out, Seed, Window, rounds
from harness.cli.usage import usage_errors


def aa_command(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The scenario, a TOML file; only its baseline is run.")],
    many: Annotated[
        str | None, typer.Option("--rounds", metavar="N|auto", help="Rounds, each of the baseline twice.")
    ] = None,
    max_time: MaxTime = None,
    window: Window = None,
    seed: Seed = None,
    out: Out = Path("results"),
) -> None:
    """Compare the baseline with itself: what looks like a difference then is the noise of this machine.

    Comparisons made here later with the same baseline and load quote it.
    """
    from rich.console import Console

    from harness.analysis.noise import compute_noise_floor, make_aa_scenario
    from harness.cli.measuring import measure
    from harness.cli.outcome import exit_code, has_answers
    from harness.cli.scenario import load_selected
    from harness.measure.preparation import prepare, seed_or_random
    from harness.record import read_run, write_noise_floor

    console = Console()
    overrides = {
        "rounds": None if many is None else rounds(many),
        "max_time": max_time,
        "load.duration": window,
    }
    with usage_errors():
        scenario = make_aa_scenario(load_selected(file, overrides, None))
        path = measure(context, console, prepare(scenario, seed_or_random(seed)), out)
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
