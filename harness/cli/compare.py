"""The command line: verbs and exit codes, nothing else."""

import random
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from rich.console import Console

from harness.compare import compare, skipped_topologies, without
from harness.display import LiveDisplay, PlainDisplay, is_live, plan_table, trial_s
from harness.generator.load import Load, target_of
from harness.generator.probe import ProbeError, probe
from harness.generator.process import Generator, GeneratorError
from harness.generator.result import LoadResult
from harness.plan import make_plan
from harness.record import Run, RunFolderError, read_run
from harness.report.wrk import wrk_text
from harness.scenario import ScenarioError, load_scenario
from harness.units import parse_duration_s

EXIT_CODES: Final = (
    "Exit codes: 0 all went well; 1 some trials failed or are invalid; 2 the input can't be used, or nothing could"
    " be measured with it; 130 interrupted, what was measured is kept and reported."
)

app = typer.Typer(
    help="Should this HTTP service run as one process or as a cluster, and with how many workers?",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _duration(text: str | float) -> float:
    if isinstance(text, float):  # a default, which Typer hands to the parser too
        return text
    try:
        return parse_duration_s(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@contextmanager
def _usage_errors() -> Iterator[None]:
    """Input that can't be used ends the program with one message and exit code 2, never a traceback."""
    try:
        yield
    except (ScenarioError, RunFolderError, ProbeError, GeneratorError) as error:
        typer.echo(f"harness: {error}", err=True)
        raise typer.Exit(2) from error


@app.command(name="compare", epilog=EXIT_CODES)
def compare_command(
    file: Annotated[Path, typer.Argument(help="The scenario, a TOML file.")],
    rounds: Annotated[int | None, typer.Option(min=1, help="Rounds, each of every topology once.")] = None,
    duration: Annotated[float | None, typer.Option(parser=_duration, metavar="3s", help="Measured window.")] = None,
    warmup: Annotated[float | None, typer.Option(parser=_duration, metavar="1s", help="Load before it.")] = None,
    connections: Annotated[
        int | None, typer.Option(min=1, help="Connections; the groups of them are never more than these.")
    ] = None,
    only: Annotated[str | None, typer.Option(metavar="NAME,NAME", help="These topologies alone.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the order; drawn when not given.")] = None,
    out: Annotated[Path, typer.Option(help="Where run folders are made.")] = Path("results"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
) -> None:
    """Compare the topologies of a scenario: launch each, load it, and report."""
    console = Console()
    overrides = {"rounds": rounds, "load.duration": duration, "load.warmup": warmup, "load.connections": connections}
    with _usage_errors():
        scenario = load_scenario(file, {key: value for key, value in overrides.items() if value is not None})
        if only is not None:
            scenario = scenario.only(name.strip() for name in only.split(","))
        seed = random.SystemRandom().randrange(2**32) if seed is None else seed
        skipped = list(skipped_topologies(scenario))
        for topology in skipped:
            console.print(
                f"{topology.name} skipped: {topology.reason}", style="yellow", highlight=False, soft_wrap=True
            )
        plan = make_plan(without(scenario, skipped), seed)
        if dry_run:
            console.print(plan_table(scenario, plan, seed))
            return
        display = LiveDisplay if is_live(console) else PlainDisplay
        with display(console, len(plan), trial_s(scenario.load)) as audience:
            path = compare(scenario, seed, out, _repeat(seed), audience)
        run = _report(console, path)
    raise typer.Exit(_exit_code(run))


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="A run folder, such as results/latest.")],
) -> None:
    """Make the reports of a run again, from its folder alone."""
    with _usage_errors():
        _report(Console(), run)


@app.command()
def load(
    url: Annotated[str, typer.Argument(help="http://HOST[:PORT]/PATH")],
    threads: Annotated[int, typer.Option("-t", "--threads", min=1, help="Groups of connections.")] = 2,
    connections: Annotated[int, typer.Option("-c", "--connections", min=1, help="Connections kept open.")] = 10,
    duration: Annotated[
        float, typer.Option("-d", "--duration", parser=_duration, metavar="30s", help="How long.")
    ] = 10.0,
    timeout: Annotated[float, typer.Option(parser=_duration, metavar="2s", help="Of one request.")] = 2.0,
    header: Annotated[
        list[str] | None, typer.Option("-H", "--header", metavar="'K: V'", help="As often as needed.")
    ] = None,
    method: Annotated[str, typer.Option("-m", "--method", help="Of every request.")] = "GET",
    body: Annotated[str, typer.Option("-b", "--body", help="Of every request.")] = "",
    latency: Annotated[bool, typer.Option("--latency", help="Print the latency distribution.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
) -> None:
    """Load one server with a closed loop, as wrk does, and print what wrk prints. Ctrl-C ends it early."""
    with _usage_errors():
        offered = _offered(url, threads, connections, duration, timeout, header or [], method, body)
        probe(offered)
        result, interrupted = _run_load(offered)
    if as_json:
        typer.echo(result.model_dump_json(exclude={"event"}, indent=2))
    else:
        typer.echo(wrk_text(result, latency), nl=False)
    raise typer.Exit(130 if interrupted else 0)


def _offered(
    url: str,
    threads: int,
    connections: int,
    duration_s: float,
    timeout_s: float,
    headers: list[str],
    method: str,
    body: str,
) -> Load:
    pairs = [header.partition(":") for header in headers]
    try:
        host, port, path = target_of(url)
        if wrong := [header for header, (_, colon, _) in zip(headers, pairs, strict=True) if not colon]:
            raise ValueError(f"expected headers as 'Name: value', got {wrong[0]!r}")
        return Load(
            host=host,
            port=port,
            path=path,
            method=method,
            headers={name.strip(): value.strip() for name, _, value in pairs},
            body=body,
            connections=connections,
            threads=threads,
            duration_s=duration_s,
            timeout_s=timeout_s,
        )
    except ValidationError as error:
        raise ScenarioError("\n".join(map(_problem, error.errors()))) from error
    except ValueError as error:
        raise ScenarioError(str(error)) from error


def _problem(details: ErrorDetails) -> str:
    """One thing wrong with a load, with the name of the field unless the fields do not fit together."""
    message = details["msg"].removeprefix("Value error, ")
    return f"{details['loc'][0]}: {message}, got {details['input']!r:.60}" if details["loc"] else message


def _run_load(offered: Load) -> tuple[LoadResult, bool]:
    with Generator() as generator:
        generator.begin(offered)
        try:
            return generator.result(), False
        except KeyboardInterrupt:
            generator.stop()
            return generator.result(), True


def _report(console: Console, path: Path) -> Run:
    # These bring SciPy, pandas and Matplotlib, seconds of imports that a load or a dry run need not wait for.
    from harness.report.terminal import closing
    from harness.report.write import write_reports

    run = read_run(path)
    summaries = write_reports(run)
    console.print(closing(run, summaries))
    console.print(f"Report: {path / 'report.md'}", highlight=False, soft_wrap=True)
    return run


def _exit_code(run: Run) -> int:
    if len(run.records) < len(run.info.trials):
        return 130
    if not any(record.load for record in run.records):
        reasons = dict.fromkeys(f"{record.topology}: {record.reason}" for record in run.records)
        typer.echo("harness: nothing could be measured: " + "; ".join(reasons), err=True)
        return 2
    return 0 if all(record.status == "ok" for record in run.records) else 1


def _repeat(seed: int) -> str:
    """The command that makes this run again, its seed included."""
    arguments = sys.argv[1:] if "--seed" in " ".join(sys.argv) else [*sys.argv[1:], "--seed", str(seed)]
    return shlex.join(["harness", *arguments])


if __name__ == "__main__":
    app()
