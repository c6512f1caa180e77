"""The verbs that measure a scenario and report on it."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from harness.cli.outcome import FailOn, Form, Format, Strict, check_compared, tell, tell_capacity, with_gates
from harness.cli.plan_table import plan_table
from harness.cli.usage import duration, rounds, usage_errors
from harness.machine.environment import describe_environment
from harness.measure.preparation import PreparedRun, drawn, prepare, prepare_again
from harness.record import read_run
from harness.scenario import load_scenario
from harness.text import printable

if TYPE_CHECKING:
    from harness.cli.progress import LiveDisplay, PlainDisplay


def compare_command(
    file: Annotated[Path, typer.Argument(help="The scenario, a TOML file.")],
    many: Annotated[
        str | None,
        typer.Option("--rounds", metavar="N|auto", help="Rounds, each of every topology once; auto: until sure."),
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
    connections: Annotated[
        int | None, typer.Option(min=1, help="Connections; the groups of them are never more than these.")
    ] = None,
    rate: Annotated[float | None, typer.Option("-R", "--rate", min=0.0, help="Open loop: requests/s.")] = None,
    expect_body: Annotated[
        str | None,
        typer.Option(metavar="any|same|SHA256|contains:TEXT|matches:REGEX", help="What a good body is."),
    ] = None,
    only: Annotated[str | None, typer.Option(metavar="NAME,NAME", help="These topologies alone.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the order; drawn when not given.")] = None,
    out: Annotated[Path, typer.Option(help="Where run folders are made.")] = Path("results"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    fail_on: FailOn = None,
    strict: Strict = False,
    form: Form = Format.TEXT,
) -> None:
    """Compare the topologies of a scenario: launch each, load it, and report."""
    console = form.console()
    overrides = {
        "rounds": None if many is None else rounds(many),
        "precision": precision,
        "max_time": max_time,
        "margin": margin,
        "load.duration": window,
        "load.warmup": warmup,
        "load.connections": connections,
        "load.rate": rate,
        "load.expect_body": expect_body,
    }
    with usage_errors():
        scenario = load_scenario(file, {key: value for key, value in overrides.items() if value is not None})
        if only is not None:
            scenario = scenario.only(name.strip() for name in only.split(","))
        prepared = prepare(check_compared(with_gates(scenario, fail_on, strict)), drawn(seed))
        tell_skipped(console, prepared)
        if dry_run:
            console.print(plan_table(prepared))
            return
        code = tell(console, read_run(measure(console, prepared, out)), form)
    raise typer.Exit(code)


def resume_command(
    run: Annotated[Path, typer.Argument(help="The folder of a run that was interrupted.")],
    form: Form = Format.TEXT,
) -> None:
    """Make the trials that an interrupted run still lacks, by the same plan, and report.

    Refused when the code, the programs, the packages or the machine are not what the run began with.
    """
    console = form.console()
    with usage_errors():
        from harness.measure.compare import resume  # imports as below

        found = read_run(run)
        prepared = prepare_again(found, describe_environment())
        for line in prepared.doubts:
            console.print(printable(line), style="yellow", markup=False, highlight=False, soft_wrap=True)
        with _display(console, prepared) as observer:
            path = resume(found, prepared, observer)
        code = tell(console, read_run(path), form)
    raise typer.Exit(code)


def report_command(
    run: Annotated[Path, typer.Argument(help="A run folder, such as results/latest.")],
    form: Form = Format.TEXT,
) -> None:
    """Make the reports of a run again, from its folder alone."""
    with usage_errors():
        found = read_run(run)
        if found.is_search:
            tell_capacity(form.console(), found)
        else:
            tell(form.console(), found, form)


def tell_skipped(console: Console, prepared: PreparedRun) -> None:
    """The topologies whose programs are missing, a line each."""
    for topology in prepared.skipped:
        line = f"{topology.name} skipped: {topology.reason}"
        console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)


def measure(console: Console, prepared: PreparedRun, out: Path) -> Path:
    """Make the trials, telling the console how it goes; return the run folder."""
    # These bring SciPy, more than a second of imports that a load or a dry run need not wait for.
    from harness.measure.compare import compare

    with _display(console, prepared) as observer:
        return compare(prepared, out, repeat(prepared.seed), observer)


def _display(console: Console, prepared: PreparedRun) -> "LiveDisplay | PlainDisplay":
    from harness.cli.progress import LiveDisplay, PlainDisplay, is_live

    return (LiveDisplay if is_live(console) else PlainDisplay)(console, prepared)


def repeat(seed: int) -> str:
    """The command that makes this run again, its seed included."""
    verb, *arguments = sys.argv[1:] or ["compare"]
    seeded = arguments if "--seed" in " ".join(arguments) else ["--seed", str(seed), *arguments]
    return shlex.join(["harness", verb, *seeded])
