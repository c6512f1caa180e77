"""The verb that finds out how much each topology carries while the objectives are kept."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.fleet import FleetFile, open_testbed
from harness.cli.options import Only, Out, ScenarioFile, Seed, duration
from harness.cli.usage import UsageError, usage_errors


def capacity_command(
    context: typer.Context,
    file: ScenarioFile,
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
    only: Only = None,
    fleet: FleetFile = None,
    seed: Seed = None,
    out: Out = Path("results"),
) -> None:
    """Find the highest rate at which each topology keeps the objectives.

    Begins with the throughput in a closed loop, then offers rates at random arrivals, each to a fresh server, in random
    order, until the answers are known to the precision or the time is up. Writes capacity.md, capacity.json and charts
    into the run folder; harness plan goes on from there.
    """
    from rich.console import Console

    from harness.cli.measuring import command_to_repeat, print_skipped
    from harness.cli.scenario import load_selected, parse_objective
    from harness.cli.search_progress import SearchDisplay
    from harness.measure.capacity.searching import search
    from harness.measure.capacity.setting import check_objectives, for_search
    from harness.measure.preparation import seed_or_random
    from harness.record import read_run

    console = Console()
    with usage_errors(), open_testbed(fleet) as testbed:
        objectives = [parse_objective(text) for text in slo]
        overrides = {"precision": precision, "max_time": max_time, "load.duration": window}
        scenario = load_selected(file, overrides, only)
        check_objectives(objectives, scenario)
        if testbed.lanes > 1:
            raise UsageError("--fleet: expected one rig, since a capacity is that of one machine")
        prepared = testbed.prepare(for_search(scenario), seed_or_random(seed))
        print_skipped(console, prepared)
        with SearchDisplay(console) as observer:
            command = command_to_repeat(context, prepared.seed)
            path = search(prepared, objectives, out, command, observer, testbed)

        from harness.cli.reporting import report_capacity

        code = report_capacity(console, read_run(path))
    raise typer.Exit(code)
