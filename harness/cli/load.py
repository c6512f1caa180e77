"""The verb that loads one server, and what its options come to."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import typer

from harness.cli import load_options
from harness.cli.host_policy import MOST_CONNECTIONS, MOST_RATE_PER_S, bound, check_reach, resolve
from harness.cli.usage import UsageError, duration, usage_errors
from harness.doctor.connections import ports
from harness.doctor.demand import LoadDemand
from harness.generator.probe import probe
from harness.generator.process import Generator, GeneratorError
from harness.generator.spreading import can_spread
from harness.load.failures import failures_text
from harness.load.result import LoadResult, WindowBegan
from harness.load.spec import Load
from harness.machine.host import Host
from harness.report.load.hlog import hlog_text
from harness.report.load.notes import load_text
from harness.report.load.suffix import CHART, SERIES, check_suffix

_WHAT: Final = "What is sent"
_HOW: Final = "How it is offered"
_WHOM: Final = "Whom it may reach"
_GOOD: Final = "What a good response is"
_OUT: Final = "What comes out"


def load_command(
    url: Annotated[str, typer.Argument(help="http://HOST[:PORT]/PATH, or https://")],
    threads: Annotated[
        int | None, typer.Option("-t", "--threads", min=1, help="Groups of connections; 2.", rich_help_panel=_HOW)
    ] = None,
    connections: Annotated[
        int | None,
        typer.Option(
            "-c",
            "--connections",
            min=1,
            help=f"Kept open, {load_options.CLOSED_CONNECTIONS};"
            f" with a rate, the most opened, {load_options.OPEN_CONNECTIONS}.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    window: Annotated[
        float | None,
        typer.Option("-d", "--duration", parser=duration, metavar="30s", help="How long; 10s.", rich_help_panel=_HOW),
    ] = None,
    warmup: Annotated[
        float,
        typer.Option(
            parser=duration,
            metavar="1s",
            help="Load before it that is not counted; none.",
            show_default=False,
            rich_help_panel=_HOW,
        ),
    ] = 0.0,
    timeout: Annotated[
        float,
        typer.Option(
            parser=duration, metavar="2s", help="Of one request; 2s.", show_default=False, rich_help_panel=_HOW
        ),
    ] = 2.0,
    rate: Annotated[
        float | None,
        typer.Option(
            "-R", "--rate", min=0.0, help="Open loop: requests/s, whatever the server does.", rich_help_panel=_HOW
        ),
    ] = None,
    arrivals: Annotated[
        str, typer.Option(metavar="constant|poisson", help="Evenly spaced, or at random.", rich_help_panel=_HOW)
    ] = "constant",
    stage: Annotated[
        list[str] | None,
        typer.Option(
            metavar="30s:500",
            help="Open loop: move to that rate in that time, from --rate or 0; as often as needed.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    processes: Annotated[
        str, typer.Option(metavar="N|auto", help="Of the generator; auto leaves one core.", rich_help_panel=_HOW)
    ] = "1",
    cpus: Annotated[
        str | None, typer.Option(metavar="2,3", help="Pin the processes to these.", rich_help_panel=_HOW)
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Of random arrivals and choices among requests.", rich_help_panel=_HOW)
    ] = 0,
    method: Annotated[str, typer.Option("-m", "--method", help="GET, POST, …", rich_help_panel=_WHAT)] = "GET",
    header: Annotated[
        list[str] | None,
        typer.Option("-H", "--header", metavar="'K: V'", help="As often as needed.", rich_help_panel=_WHAT),
    ] = None,
    body: Annotated[str | None, typer.Option("-b", "--body", help="Of every request.", rich_help_panel=_WHAT)] = None,
    body_file: Annotated[Path | None, typer.Option(help="The body, from a file.", rich_help_panel=_WHAT)] = None,
    requests: Annotated[
        Path | None,
        typer.Option(
            help=r"A TOML file of [\[request]] tables with path, method, headers, body or body_file, and weight.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="A CSV file whose rows, in turn, fill {column} in path, headers and body.", rich_help_panel=_WHAT
        ),
    ] = None,
    user: Annotated[
        str | None, typer.Option(metavar="NAME:PASSWORD", help="Basic authentication.", rich_help_panel=_WHAT)
    ] = None,
    keepalive: Annotated[
        bool,
        typer.Option("--keepalive/--no-keepalive", help="Use connections more than once.", rich_help_panel=_WHAT),
    ] = True,
    unix_socket: Annotated[
        Path | None, typer.Option(help="Connect to this socket instead of host and port.", rich_help_panel=_WHAT)
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="A host to be loaded that is not this machine.", rich_help_panel=_WHOM),
    ] = None,
    max_rate: Annotated[
        str,
        typer.Option(metavar="N|none", help="Requests/s on other hosts, at the most.", rich_help_panel=_WHOM),
    ] = f"{MOST_RATE_PER_S:g}",
    max_connections: Annotated[
        str, typer.Option(metavar="N|none", help="Connections to other hosts, at the most.", rich_help_panel=_WHOM)
    ] = str(MOST_CONNECTIONS),
    insecure: Annotated[bool, typer.Option("--insecure", help="Trust any certificate.", rich_help_panel=_WHAT)] = False,
    cacert: Annotated[
        Path | None, typer.Option(help="Trust the authorities in this PEM file.", rich_help_panel=_WHAT)
    ] = None,
    expect_status: Annotated[
        str | None,
        typer.Option(metavar="200,204", help="All others are errors; without, those from 400.", rich_help_panel=_GOOD),
    ] = None,
    expect_body: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            help="any body; same as before the load; its SHA-256, contains:TEXT or matches:REGEX. any.",
            rich_help_panel=_GOOD,
        ),
    ] = None,
    expect_body_sha256: Annotated[str | None, typer.Option(help="Of every body.", rich_help_panel=_GOOD)] = None,
    expect_length: Annotated[
        int | None, typer.Option(min=0, help="Of every body, bytes.", rich_help_panel=_GOOD)
    ] = None,
    latency: Annotated[
        bool, typer.Option("--latency", help="Print the latency distribution.", rich_help_panel=_OUT)
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead.", rich_help_panel=_OUT)
    ] = False,
    chart: Annotated[
        Path | None, typer.Option(help="Draw latency by percentile: .png, .svg or .pdf.", rich_help_panel=_OUT)
    ] = None,
    series: Annotated[Path | None, typer.Option(help="Second by second: .csv or .json.", rich_help_panel=_OUT)] = None,
    hlog: Annotated[
        Path | None, typer.Option(help="Latencies second by second, for HdrHistogram's tools.", rich_help_panel=_OUT)
    ] = None,
) -> None:
    """Load one server and print what wrk prints: a closed loop, or an open one with --rate. Ctrl-C ends it early."""
    with usage_errors():
        outputs = Outputs(chart, series, hlog)
        outputs.check()
        target, path = load_options.targeted(url, unix_socket, insecure, cacert)
        if requests is None:
            kinds = load_options.one_request(path, method, header or [], body, body_file)
        else:
            alone = {"the URL's path": path != "/", "--method": method != "GET", "-H": header}
            kinds = load_options.listed_requests(requests, alone | {"--body": body, "--body-file": body_file})
        offered = load_options.load(
            target,
            load_options.with_user(kinds, user),
            data,
            load_options.arrivals(rate, arrivals, stage or []),
            {
                "connections": connections,
                "threads": threads,
                "keepalive": keepalive,
                "warmup_s": warmup,
                "duration_s": window,
                "timeout_s": timeout,
                "seed": seed,
                "expect": load_options.expectation(expect_status, expect_body, expect_body_sha256, expect_length),
            },
        )
        offered = offered.model_copy(update={"target": resolve(offered.target)})
        most_connections = bound(max_connections)
        check_reach(
            offered, allow_host or [], bound(max_rate), None if most_connections is None else int(most_connections)
        )
        number, pinned = load_options.placed(processes, cpus, offered.connections)
        offered = load_options.with_same_body(offered, probe(offered))
        if target.tls is not None and not (target.tls.verify or insecure):
            typer.echo(
                "The certificate is not checked, as it is this machine's own: --cacert FILE has it checked.", err=True
            )
        _warn_of_ports(offered)
        result, began_at, interrupted = _run(offered, number, pinned)
        if as_json:
            typer.echo(result.model_dump_json(exclude={"event"}, indent=2))
        else:
            typer.echo(load_text(result, latency), nl=False)
        outputs.write(result, began_at)  # after it, so that nothing measured is lost with a file
        if not result.requests:
            typer.echo(f"harness: no request got an answer: {failures_text(result)}", err=True)
    raise typer.Exit(130 if interrupted else 0 if result.requests else 1)


@dataclass(frozen=True)
class Outputs:
    """The files to be written when the load has ended."""

    chart: Path | None
    series: Path | None
    hlog: Path | None

    def check(self) -> None:
        """Raise UsageError for what could not be written, before there is anything to write."""
        try:
            for path, suffixes in ((self.chart, CHART), (self.series, SERIES)):
                if path is not None:
                    check_suffix(path, suffixes)
        except ValueError as error:
            raise UsageError(str(error)) from error
        for path in (self.chart, self.series, self.hlog):
            if path is not None and not path.absolute().parent.is_dir():
                raise UsageError(f"{path}: there is no folder {path.absolute().parent}")
            if path is not None and path.is_dir():
                raise UsageError(f"{path}: is a folder")

    def write(self, result: LoadResult, began_at: datetime) -> None:
        """Write them. Raises UsageError when a file can't be written."""
        # These bring pandas and Matplotlib, a second of imports that most loads need not wait for.
        try:
            if self.hlog is not None:
                self.hlog.write_text(hlog_text(result, began_at), encoding="ascii")
            if self.series is not None:
                from harness.report.load.series import write_series

                write_series(result, self.series)
            if self.chart is not None:
                from harness.report.load.chart import write_chart

                write_chart(result, self.chart)
        except OSError as error:
            raise UsageError(f"{error.filename}: {error.strerror}") from error


def _warn_of_ports(offered: Load) -> None:
    """Say so where there are fewer ports than connections: those that get none are counted as errors."""
    target = offered.target
    is_spread = target.unix_socket is not None or can_spread(target.host)
    check = ports(Host.here(), LoadDemand(connections=offered.connections, is_spread=is_spread))
    if check.status == "warn":
        typer.echo(f"ports: {check.what}. {check.advice}", err=True)


def _run(offered: Load, processes: int, cpus: tuple[int, ...]) -> tuple[LoadResult, datetime, bool]:
    """The result, when its window began, and whether it was cut short by Ctrl-C."""
    began_at = datetime.now(UTC)
    with Generator(processes, cpus) as generator:
        generator.begin(offered)
        with _stopped_by_ctrl_c(generator) as interrupts:
            for event in generator.events():
                if isinstance(event, WindowBegan):
                    began_at = datetime.now(UTC)
                if isinstance(event, LoadResult):
                    return event, began_at, bool(interrupts)
    raise GeneratorError("the generator ended without a result")


@contextmanager
def _stopped_by_ctrl_c(generator: Generator) -> Iterator[list[int]]:
    """The first Ctrl-C ends the window, and is noted; a second one ends the program."""
    interrupts: list[int] = []

    def stop(signum: int, frame: FrameType | None) -> None:
        interrupts.append(signum)
        generator.stop()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
