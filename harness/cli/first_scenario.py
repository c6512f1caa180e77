"""The options of ``harness init``, and what it finds, in the words of the command line."""

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.table import Table
from rich.text import Text

from harness.cli import load_options
from harness.cli.usage import UsageError
from harness.discovery.discover import DiscoveredServer, ServerSpec
from harness.discovery.listening import where_text
from harness.load.spec import SAFE_METHODS, Request, check_path
from harness.scenario.placeholders import variables_in
from harness.text import printable
from harness.text.redaction import secrets_in, sounds_secret
from harness.units import duration_text


def spec_of(
    command: Sequence[str],
    env: Sequence[str],
    pass_env: Sequence[str],
    port: int | None,
    path: str | None,
    asked: Request,
    expect_status: str | None,
    start_timeout_s: float,
) -> ServerSpec:
    """Return what the options say of a server. Raises UsageError."""
    return ServerSpec(
        command=tuple(map(_utf8, command)),
        env=_variables(env),
        pass_env=_present(pass_env),
        port=_check_port(port, [*command, *env]),
        path=None if path is None else _path(path),
        start_timeout_s=start_timeout_s,
        method=asked.method,
        headers=asked.headers,
        body=asked.body.decode(),
        statuses=load_options.expectation(expect_status, None, None, None).statuses,
    )


def check_place(out: Path) -> None:
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


def _check_port(port: int | None, texts: Sequence[str]) -> int | None:
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


def request_of(method: str, headers: Sequence[str], body: str, path: str | None) -> Request:
    """Return what is sent to any path. Raises UsageError."""
    (request,) = load_options.one_request("/", method, headers, _utf8(body), None)
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


def write_whole(path: Path, text: str) -> None:
    """Write all of it or nothing. Raises UsageError."""
    try:
        with TemporaryDirectory(dir=path.absolute().parent, prefix=".scenario-") as folder:
            made = Path(folder) / "scenario.toml"
            made.write_text(text, encoding="utf-8")
            check_place(path)  # another may have been quicker
            made.rename(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def findings_table(found: DiscoveredServer) -> Table:
    """Return what the server turned out to be."""
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


def _where(found: DiscoveredServer) -> dict[str, str]:
    """Return where it listened, and whether the scenario leaves that open."""
    topology, fixed = found.draft.topology, f"fixed: {found.draft.why_fixed}"
    if found.target.unix_socket is not None:
        return {
            "socket": f"{found.target.unix_socket}, {fixed if topology.unix_socket else 'a fresh one does as well'}"
        }
    port = where_text(found.target).removeprefix("port ")
    return {"port": f"{port}, {fixed if topology.port else 'any free one works'}"}


def _workers(found: DiscoveredServer) -> str:
    compared = found.draft.topology.workers
    if isinstance(compared, tuple):
        return f"as many as it is told; {_join(compared)} will be compared"
    return (
        f"{found.workers} found, which nothing in the command says: taken as found" if compared else str(found.workers)
    )


def _join(numbers: Sequence[int]) -> str:
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
