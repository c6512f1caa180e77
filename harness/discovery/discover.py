"""A command is started twice: as it was typed, to be looked at, and as the scenario has it, to see that it works."""

import contextlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.discovery.command import as_typed, as_written, leaves_port_open
from harness.discovery.draft import Draft
from harness.discovery.failure import DiscoveryError
from harness.discovery.listening import find_port
from harness.discovery.paths import USUAL, find_path
from harness.scenario import Topology, load_scenario
from harness.server.guarded import ServerError
from harness.server.launch import Server, log_tail, what_is_missing
from harness.server.readiness import Ready, wait_until_ready


@dataclass(frozen=True)
class Wish:
    """What is known of the server before it is looked at; ``port`` and ``path`` are None where they are to be found."""

    command: tuple[str, ...]
    env: dict[str, str]
    pass_env: tuple[str, ...]
    port: int | None
    path: str | None
    start_timeout_s: float


@dataclass(frozen=True)
class Discovery:
    """A scenario, and how the last of its topologies started. ``port`` is where the server listened as it was typed."""

    draft: Draft
    port: int
    ready: Ready


def discover(wish: Wish, name: str, file: str) -> Discovery:
    """Raises DiscoveryError; the server is stopped then too."""
    typed = as_typed(wish.command, wish.env, wish.pass_env)
    if reason := what_is_missing(typed):
        raise DiscoveryError(reason)
    with TemporaryDirectory(prefix="harness-init-") as place:
        folder = Path(place)
        port, path = _look(typed, wish, folder / "typed.log")
        written = partial(
            Draft,
            file=file,
            typed=shlex.join(wish.command),
            name=name,
            path=path,
            is_guessed=wish.path is None and path != "/",
            start_timeout_s=wish.start_timeout_s,
        )
        why_fixed = f"nothing in the command says clearly which it is (where a variable does: --env PORT={port})"
        *better, last = as_written(typed, port)
        for table in better:
            try:
                return _checked(written(topology=table, why_fixed=why_fixed), port, folder)
            except DiscoveryError as error:
                why_fixed = f"on another the command does not work ({str(error).splitlines()[0]})"
        return _checked(written(topology=last, why_fixed=why_fixed), port, folder)


def _look(typed: Topology, wish: Wish, log: Path) -> tuple[int, str]:
    """Its port and a path that it answers."""
    with _running(typed, log) as server:
        wanted = server.port if leaves_port_open(typed.command, typed.env) else wish.port
        port = find_port(server, wanted, wish.start_timeout_s)
        return port, find_path(port, USUAL if wish.path is None else (wish.path,))


def _checked(draft: Draft, port: int, folder: Path) -> Discovery:
    """Start what the file says; of a cluster the largest, without which no comparison would be whole."""
    file = folder / "scenario.toml"
    file.write_text(draft.text, encoding="utf-8")
    scenario = load_scenario(file)
    topology, request = scenario.topologies[-1], scenario.load.requests[0]
    log = folder / f"{topology.port or 'any-port'}.log"
    with _running(topology, log, f"started again, as {topology.name}: ") as server:
        ready = wait_until_ready(server, request, topology.workers, scenario.start_timeout_s)
    return Discovery(draft, port, ready)


@contextlib.contextmanager
def _running(topology: Topology, log: Path, when: str = "") -> Iterator[Server]:
    """The server. Raises DiscoveryError for whatever is wrong with it, and says ``when`` that was."""
    try:
        with Server(topology, log) as server:
            yield server
    except ServerError as error:
        tail = log_tail(log)
        raise DiscoveryError("\n".join([f"{when}{error}", *(["It wrote:", *tail] if tail else [])])) from error
