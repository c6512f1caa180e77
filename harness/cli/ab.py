"""The verb that compares two commits, side by side on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.compare import measure
from harness.cli.outcome import FailOn, Form, Format, Strict, tell, with_gates
from harness.cli.usage import duration, rounds, usage_errors
from harness.measure.base_and_head import find_sides, side_by_side, usual_gates, what_is_lacking
from harness.measure.preparation import drawn
from harness.record import read_run
from harness.scenario import load_scenario


def ab_command(
    file: Annotated[Path, typer.Argument(help="The scenario, a TOML file.")],
    base: Annotated[str, typer.Option(metavar="REF", help="The commit, branch or tag to compare with.")],
    head: Annotated[
        str | None, typer.Option(metavar="REF", help="The one to be judged.", show_default="the working tree")
    ] = None,
    many: Annotated[
        str | None,
        typer.Option("--rounds", metavar="N|auto", help="Rounds, each of all pairs once; auto: until sure."),
    ] = None,
    precision: Annotated[
        str | None, typer.Option(metavar="3%", help="With auto rounds, intervals that are good enough.")
    ] = None,
    max_time: Annotated[
        float | None, typer.Option(parser=duration, metavar="10m", help="With auto rounds, when to stop at the latest.")
    ] = None,
    margin: Annotated[str | None, typer.Option(metavar="2%", help="Differences that make no difference.")] = None,
    window: Annotated[
        float | None, typer.Option("--duration", parser=duration, metavar="3s", help="Measured window.")
    ] = None,
    warmup: Annotated[float | None, typer.Option(parser=duration, metavar="1s", help="Load before it.")] = None,
    only: Annotated[str | None, typer.Option(metavar="NAME,NAME", help="These topologies alone.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the order; drawn when not given.")] = None,
    out: Annotated[Path, typer.Option(help="Where run folders are made.")] = Path("results"),
    fail_on: FailOn = None,
    strict: Strict = False,
    form: Form = Format.TEXT,
) -> None:
    """Say whether one commit is slower than another: check both out, and measure them in turn, pair by pair.

    Without a gate, it fails when the head serves 5 % fewer requests per second (not under a rate), its p99 is 10 %
    longer, a request takes 5 % more CPU, it holds 10 % more memory, or 0.1 % more of all requests fail.
    """
    console = form.console()
    overrides = {
        "rounds": None if many is None else rounds(many),
        "precision": precision,
        "max_time": max_time,
        "margin": margin,
        "load.duration": window,
        "load.warmup": warmup,
    }
    with usage_errors():
        scenario = load_scenario(file, {key: value for key, value in overrides.items() if value is not None})
        if only is not None:
            scenario = scenario.only(name.strip() for name in only.split(","))
        scenario = with_gates(scenario, fail_on, strict, usual_gates(scenario))
        repository = Path.cwd()
        sides = find_sides(repository, base, head)
        for name, revision in zip(("base", "head"), sides, strict=True):
            changes = ", with uncommitted changes" if revision.is_changed else ""
            line = f"{name}: {revision.short} {revision.subject} ({revision.ref}{changes})"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        with side_by_side(scenario, repository, sides, drawn(seed)) as prepared:
            for line in what_is_lacking(repository, prepared):
                console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)
            path = measure(console, prepared, out)
        code = tell(console, read_run(path), form)
    raise typer.Exit(code)
