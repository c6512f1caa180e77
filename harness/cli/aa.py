"""The verb that finds out what this machine makes of no difference at all."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from harness.cli.compare import measure
from harness.cli.outcome import exit_code, has_answers, tell_places
from harness.cli.usage import duration, rounds, usage_errors
from harness.measure.preparation import drawn, prepare
from harness.record import read_run, write_noise_floor
from harness.scenario import load_scenario


def aa_command(
    file: Annotated[Path, typer.Argument(help="The scenario, a TOML file; only its baseline is run.")],
    many: Annotated[
        str | None, typer.Option("--rounds", metavar="N|auto", help="Rounds, each of the baseline twice.")
    ] = None,
    max_time: Annotated[
        float | None, typer.Option(parser=duration, metavar="10m", help="With auto rounds, when to stop at the latest.")
    ] = None,
    window: Annotated[
        float | None, typer.Option("--duration", parser=duration, metavar="3s", help="Measured window.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the order; drawn when not given.")] = None,
    out: Annotated[Path, typer.Option(help="Where run folders are made.")] = Path("results"),
) -> None:
    """Compare the baseline with itself: what looks like a difference then is the noise of this machine.

    Comparisons made here later with the same baseline and load quote it.
    """
    console = Console()
    overrides = {
        "rounds": None if many is None else rounds(many),
        "max_time": max_time,
        "load.duration": window,
    }
    with usage_errors():
        # SciPy again, more than a second of imports that the other verbs need not wait for.
        from harness.analysis.noise import against_itself, noise_floor
        from harness.report.noise import noise_report
        from harness.report.write import write_reports

        scenario = load_scenario(file, {key: value for key, value in overrides.items() if value is not None})
        path = measure(console, prepare(against_itself(scenario), drawn(seed)), out)
        run = read_run(path)
        write_reports(run)
        if has_answers(run):
            floor = noise_floor(run)
            write_noise_floor(path, floor)
            console.print(noise_report(run, floor))
        tell_places(console, run)
    raise typer.Exit(exit_code(run))
