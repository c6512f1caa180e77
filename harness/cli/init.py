"""The verb that writes the first scenario for a server."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.cli import load_options
from harness.cli.usage import UsageError, duration, usage_errors
from harness.load.spec import SAFE_METHODS, Request, check_path
from harness.scenario.placeholders import variables_in
from harness.text import printable
from harness.text.redaction import secrets_in, sounds_secret
from harness.units import duration_text

if TYPE_CHECKING:
    from harness.discovery.discover import DiscoveredServer


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
    with usage_errors():
        # Jinja2 and more, which the other verbs need not wait for.
        from harness.discovery.discover import ServerSpec, discover
        from harness.discovery.draft import scenario_name

        _check_place(out)
        asked = _request(method, header or [], _utf8(body), path)
        wish = ServerSpec(
            command=tuple(map(_utf8, command)),
            env=_variables(env or []),
            pass_env=_present(pass_env or []),
            port=_meant(port, [*command, *(env or [])]),
            path=None if path is None else _path(path),
            start_timeout_s=start_timeout,
            method=asked.method,
            headers=asked.headers,
            body=body,
            statuses=load_options.expectation(expect_status, None, None, None).statuses,
        )
        with Console(stderr=True).status("Starting the server, to look at it"):
            found = discover(wish, scenario_name(Path.cwd().name), shlex.quote(str(out)))
        _write(out, found.draft.text)
    console = Console()
    console.print(_findings(found))
    outlined = "" if found.draft.compares_workers else "add a cluster at its end, where one is outlined, and "
    closing = printable(f"Wrote {out}. Next: {outlined}harness compare {found.draft.file}")
    console.print(closing, markup=False, highlight=False, soft_wrap=True)


def _check_place(out: Path) -> None:
    """Raise UsageError for where nothing could be written, before anything is started."""
    if os.path.lexists(out):
        raise UsageError(f"{out}: exists already; name another file with --out FILE")
    folder = out.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"{out}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{out}: nothing can be written into {folder}")


def _utf8(word: str) -> str:
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{word!r}: is not UTF-8, as a scenario is") from error
    return word


def _meant(port: int | None, texts: Sequence[str]) -> int | None:
    if port is not None and any("{port}" in text for text in texts):
        raise UsageError("--port: the command has {port}, and so is told which it is")
    return port


def _variables(pairs: Sequence[str]) -> dict[str, str]:
    found = {}
    for name, equals, value in (pair.partition("=") for pair in pairs):
        if not name or not equals:
            raise UsageError(f"--env: expected NAME=VALUE, got {name + equals + value!r:.60}")
        _check_shown("--env", name, value, f"--env {name}={{env:{name}}} or --pass-env {name}")
        found[name] = _utf8(value)
    return found


def _check_shown(option: str, name: str, value: str, instead: str) -> None:
    """Raise UsageError where the scenario would show a secret, or names a variable that is not there."""
    named = variables_in(value)
    if missing := [variable for variable in named if variable not in os.environ]:
        raise UsageError(f"{option}: {', '.join(missing)} is not in the environment")
    if not named and (sounds_secret(name) or secrets_in(value)):
        raise UsageError(
            f"{option}: {name} sounds like a secret, which the scenario would show: have it in your environment, and"
            f" give {instead}"
        )


def _present(names: Sequence[str]) -> tuple[str, ...]:
    if missing := [name for name in names if name not in os.environ]:
        raise UsageError(f"--pass-env: {', '.join(missing)} is not in the environment")
    return tuple(names)


def _request(method: str, headers: Sequence[str], body: str, path: str | None) -> Request:
    """Return what is sent to any path. Raises UsageError."""
    (request,) = load_options.one_request("/", method, headers, body, None)
    for name, value in request.headers.items():
        _check_shown("--header", name, value, f"--header '{name}: {{env:NAME}}'")
    if method not in SAFE_METHODS and path is None:
        raise UsageError(f"--method {method}: is not sent to one path after the other: name it with --path /PATH")
    return request


def _path(text: str) -> str:
    try:
        return check_path(text)
    except ValueError as error:
        raise UsageError(f"--path: {error}") from error


def _write(path: Path, text: str) -> None:
    """All of it or nothing. Raises UsageError."""
    try:
        with TemporaryDirectory(dir=path.absolute().parent, prefix=".scenario-") as folder:
            made = Path(folder) / "scenario.toml"
            made.write_text(text, encoding="utf-8")
            _check_place(path)  # another may have been quicker
            made.rename(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _findings(found: "DiscoveredServer") -> Table:
    """What the server turned out to be."""
    draft = found.draft
    tls = {"TLS": "spoken; its certificate is not checked, as it is this machine's own"} if found.target.tls else {}
    rows = {
        **_where(found),
        **tls,
        "path": f"{draft.path}, answered with {found.ready.body_bytes or 0:,} bytes",
        "ready": f"after {duration_text(found.ready.ready_s)}",
        "workers": _workers(found),
    }
    grid = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        grid.add_row(name, Text(printable(value), overflow="fold"))
    return grid


def _where(found: "DiscoveredServer") -> dict[str, str]:
    """Where it listened, and whether the scenario leaves that open."""
    from harness.discovery.listening import where_text

    topology, fixed = found.draft.topology, f"fixed: {found.draft.why_fixed}"
    if found.target.unix_socket is not None:
        return {
            "socket": f"{found.target.unix_socket}, {fixed if topology.unix_socket else 'a fresh one does as well'}"
        }
    port = where_text(found.target).removeprefix("port ")
    return {"port": f"{port}, {fixed if topology.port else 'any free one works'}"}


def _workers(found: "DiscoveredServer") -> str:
    compared = found.draft.topology.workers
    if isinstance(compared, tuple):
        return f"as many as it is told; {_listed(compared)} will be compared"
    return (
        f"{found.workers} found, which nothing in the command says: taken as found" if compared else str(found.workers)
    )


def _listed(numbers: Sequence[int]) -> str:
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
