"""The verb that loads one server."""

from pathlib import Path
from typing import Annotated, Final

import typer

from harness.cli.fleet import open_hosts
from harness.cli.options import (
    CLOSED_CONNECTIONS,
    MAX_CONNECTIONS_ELSEWHERE,
    MAX_RATE_ELSEWHERE_PER_S,
    OPEN_CONNECTIONS,
    duration,
)
from harness.cli.usage import usage_errors

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
            help=f"Kept open, {CLOSED_CONNECTIONS}; with a rate, the most opened, {OPEN_CONNECTIONS}.",
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
    ] = f"{MAX_RATE_ELSEWHERE_PER_S:g}",
    max_connections: Annotated[
        str, typer.Option(metavar="N|none", help="Connections to other hosts, at the most.", rich_help_panel=_WHOM)
    ] = str(MAX_CONNECTIONS_ELSEWHERE),
    fleet: Annotated[
        Path | None,
        typer.Option("--fleet", metavar="FILE", help="Load it from the machines of a fleet.", rich_help_panel=_HOW),
    ] = None,
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
    from harness.cli import load_options
    from harness.cli.host_policy import check_reach, parse_bound, resolve
    from harness.cli.loading import Outputs, run_load, warn_of_ports
    from harness.generator.probe import probe
    from harness.generator.process import Generator
    from harness.load.failures import describe_failures
    from harness.report.load.notes import load_text

    with usage_errors(), open_hosts(fleet) as hosts:
        outputs = Outputs(chart, series, hlog)
        outputs.check()
        target, path = load_options.parse_target(url, unix_socket, insecure, cacert)
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
        offered = offered.with_target(resolve(offered.target))
        most_connections = parse_bound(max_connections)
        check_reach(
            offered,
            [*(allow_host or []), *(hosts.server_addresses if hosts else [])],
            parse_bound(max_rate),
            None if most_connections is None else int(most_connections),
        )
        number, pinned = load_options.place_generator(processes, cpus, offered.connections)
        offered = load_options.with_same_body(offered, probe(load_options.first_alone(offered)))
        load_options.check_mix(offered)
        if target.tls is not None and not (target.tls.verify or insecure):
            typer.echo(
                "The certificate is not checked, as it is this machine's own: --cacert FILE has it checked.", err=True
            )
        if hosts is None:
            warn_of_ports(offered)
        generator = Generator.here(number, pinned) if hosts is None else hosts.start_generators(offered)
        result, began_at, interrupted = run_load(offered, generator)
        if as_json:
            typer.echo(result.model_dump_json(exclude={"event"}, indent=2))
        else:
            typer.echo(load_text(result, latency), nl=False)
        outputs.write(result, began_at)  # after it, so that nothing measured is lost with a file
        if not result.requests:
            typer.echo(f"harness: no request got an answer: {describe_failures(result)}", err=True)
    raise typer.Exit(130 if interrupted else 0 if result.requests else 1)
