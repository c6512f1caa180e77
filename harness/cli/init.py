"""The verb that writes the first scenario for a server."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import duration
from harness.cli.usage import usage_errors


def init_command(
    command: Annotated[
        list[str],
        typer.Argument(metavar="COMMAND", help="What starts the server; {port} in it stands for a free port."),
    ],
    out: Annotated[Path, typer.Option(help="The file to be written; never over another.")] = Path("scenario.toml"),
    path: Annotated[
        str | None, typer.Option(metavar="/PATH", help="What to ask for.", show_default="one that is answered well")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Of several that answer, the one that is meant.")
    ] = None,
    env: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A variable that the server gets; repeatable.")
    ] = None,
    pass_env: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="One of your own that it gets too; repeatable.")
    ] = None,
    method: Annotated[
        str, typer.Option("-m", "--method", metavar="GET", help="How to ask for it.", show_default=True)
    ] = "GET",
    header: Annotated[
        list[str] | None, typer.Option("-H", "--header", metavar="'NAME: VALUE'", help="Sent along; repeatable.")
    ] = None,
    body: Annotated[str, typer.Option("-b", "--body", help="Sent along; none.", show_default=False)] = "",
    expect_status: Annotated[
        str | None, typer.Option(metavar="200,204", help="What is answered well.", show_default="2xx")
    ] = None,
    start_timeout: Annotated[
        float,
        typer.Option(parser=duration, metavar="20s", help="How long it may take to answer; 20s.", show_default=False),
    ] = 20.0,
) -> None:
    """Write a scenario for your server: harness init -- gunicorn app:app -w 4 -b 127.0.0.1:8000

    The command runs in this folder, without a shell, to see where it listens and what it answers; then once more, as
    the scenario has it, to see that this works.
    """
    from rich.console import Console

    from harness.cli.first_scenario import check_place, findings_table, request_of, spec_of, write_whole
    from harness.discovery.discover import discover
    from harness.discovery.draft import scenario_name
    from harness.text import printable

    with usage_errors():
        check_place(out)
        asked = request_of(method, header or [], body, path)
        spec = spec_of(command, env or [], pass_env or [], port, path, asked, expect_status, start_timeout)
        with Console(stderr=True).status("Starting the server, to look at it"):
            server = discover(spec, scenario_name(Path.cwd().name), shlex.quote(str(out)))
        write_whole(out, server.draft.text)
    console = Console()
    console.print(findings_table(server))
    outlined = "" if server.draft.compares_workers else "add a cluster at its end, where one is outlined, and "
    closing = printable(f"Wrote {out}. Next: {outlined}harness compare {server.draft.file}")
    console.print(closing, markup=False, highlight=False, soft_wrap=True)
