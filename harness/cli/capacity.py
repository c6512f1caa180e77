"""The verb that finds out how much each topology carries while the objectives are kept."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from harness.cli.compare import repeat, tell_skipped
from harness.cli.outcome import tell_capacity
from harness.cli.usage import UsageError, duration, usage_errors
from harness.measure.preparation import drawn, prepare
from harness.record import read_run
from harness.scenario import Objective, load_scenario


def capacity_command(
    file: Annotated[Path, typer.Argument(help="The scenario, a TOML file.")],
    slo: Annotated[
        list[str],
        typer.Option(
            "--slo", metavar="OBJECTIVE", help="A percentile or errors: 'p99.9 < 250ms', 'errors < 0.1%'; repeatable."
        ),
    ],
    precision: Annotated[str, typer.Option(metavar="5%", help="Intervals that are good enough.")] = "5%",
    max_time: Annotated[
        float, typer.Option(parser=duration, metavar="15m", help="When to stop at the latest.")
    ] = "15m",  # type: ignore[assignment]  # typer parses defaults too
    window: Annotated[
        float | None,
        typer.Option("--duration", parser=duration, metavar="5s", help="Window of each probe, 5s at the least."),
    ] = None,
    only: Annotated[str | None, typer.Option(metavar="NAME,NAME", help="These topologies alone.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the order; drawn when not given.")] = None,
    out: Annotated[Path, typer.Option(help="Where run folders are made.")] = Path("results"),
) -> None:
    """Find the highest rate at which each topology keeps the objectives.

    Begins with the throughput in a closed loop, then offers rates at random arrivals, each to a fresh server, in random
    order, until the answers are known to the precision or the time is up. Writes capacity.md, capacity.json and charts
    into the run folder; harness plan goes on from there.
    """
    console = Console()
    overrides = {"precision": precision, "max_time": max_time, "load.duration": window}
    with usage_errors():
        objectives = [_objective(text) for text in slo]
        # SciPy, more than a second of imports that the other verbs need not wait for.
        from harness.cli.search_progress import SearchDisplay
        from harness.measure.capacity.searching import search
        from harness.measure.capacity.setting import check_objectives, for_search

        scenario = load_scenario(file, {key: value for key, value in overrides.items() if value is not None})
        check_objectives(objectives, scenario)
        if only is not None:
            scenario = scenario.only(name.strip() for name in only.split(","))
        prepared = prepare(for_search(scenario), drawn(seed))
        tell_skipped(console, prepared)
        with SearchDisplay(console) as observer:
            path = search(prepared, objectives, out, repeat(prepared.seed), observer)
        code = tell_capacity(console, read_run(path))
    raise typer.Exit(code)


def _objective(text: str) -> Objective:
    try:
        return Objective.parse(text)
    except ValueError as error:
        raise UsageError(f"--slo: {error}") from error
