"""A command is started twice: as it was typed, to be looked at, and as the scenario has it, to see that it works."""

import contextlib
import os
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from harness.discovery.command import as_found, as_typed, as_written
from harness.discovery.draft import Draft
from harness.discovery.failure import DiscoveryError
from harness.discovery.listening import Wanted, find_target
from harness.discovery.paths import USUAL, find_path
from harness.load.spec import Expectation, Load, Request, Target
from harness.scenario import Topology, load_scenario
from harness.scenario.placeholders import fill_variables
from harness.scenario.topology import TopologyTable, placeholders_of
from harness.server.launch import Server, said_of_failure, what_is_missing
from harness.server.probing import ask_at_once
from harness.server.process_tree import ProcessTree, workers_of
from harness.server.question import Question
from harness.server.readiness import ReadyServer, wait_until_ready
from harness.server.supervised import ServerError

AT_ONCE: Final = 16  # requests, to see which processes answer
WATCHED_S: Final = 0.6


@dataclass(frozen=True)
class ServerSpec:
    """What is known of the server before it is looked at; ``port`` and ``path`` are None where they are to be found.
    A good answer to ``method`` with these ``headers`` and this ``body`` has one of the ``statuses``, or 2xx where there
    are none."""

    command: tuple[str, ...]
    env: dict[str, str]
    pass_env: tuple[str, ...]
    port: int | None
    path: str | None
    start_timeout_s: float
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    statuses: tuple[int, ...] = ()

    def load(self, target: Target) -> Load:
        """Return the request to be sent there, as a load."""
        headers = {name: fill_variables(text, os.environ) for name, text in self.headers.items()}
        request = Request(method=self.method, headers=headers, body=self.body.encode())
        return Load(target=target, requests=(request,), expect=Expectation(statuses=self.statuses))


@dataclass(frozen=True)
class DiscoveredServer:
    """A scenario, and how the last of its topologies started. ``target`` is where it listened as it was typed, of
    workers the scenario has it ``said`` so many, and so many ``workers`` were found when many asked at once."""

    draft: Draft
    target: Target
    ready: ReadyServer
    said: int
    workers: int


def discover(wish: ServerSpec, name: str, file: str) -> DiscoveredServer:
    """Raises DiscoveryError; the server is stopped then too."""
    typed = as_typed(wish.command, wish.env, wish.pass_env)
    if reason := what_is_missing(typed):
        raise DiscoveryError(reason)
    with TemporaryDirectory(prefix="harness-init-") as place:
        folder = Path(place)
        target, path = _look(typed, wish, folder / "typed.log")
        written = partial(
            Draft,
            file=file,
            typed=shlex.join(wish.command),
            name=name,
            path=path,
            is_guessed=wish.path is None and path != "/",
            start_timeout_s=wish.start_timeout_s,
            method=wish.method,
            headers=wish.headers,
            body=wish.body,
            statuses=wish.statuses,
        )
        found = _first_that_works(as_written(typed, target), written, target, folder)
        if found.workers == found.said:
            return found
        if typed.workers is not None:
            raise DiscoveryError(
                f"told to have {found.said} workers, it has {found.workers}: {{workers}} does not say how many there"
                " are; leave it out, and they are taken as found"
            )
        written = partial(written, workers_found=found.workers)
        return _first_that_works(as_found(typed, target), written, target, folder)


def count_workers(server: Server, page: Question, declared: int | None) -> int:
    """Return how many processes work when many requests come at once, if they may be sent again and again."""
    until_s = time.monotonic() + WATCHED_S
    with ProcessTree(server, declared) as census:
        with census.looking():
            while page.is_safe and time.monotonic() < until_s:
                ask_at_once(page, AT_ONCE)
        return len(workers_of(census.alive()))  # once nobody else is looking, who may have begun with one that is new


def _first_that_works(
    tables: Iterator[TopologyTable], written: Callable[..., Draft], target: Target, folder: Path
) -> DiscoveredServer:
    variable = f"PORT={target.port}" if target.unix_socket is None else f"SOCKET={target.unix_socket}"
    why_fixed = f"nothing in the command says clearly which it is (where a variable does: --env {variable})"
    *better, last = tables
    for table in better:
        try:
            return _checked(written(topology=table, why_fixed=why_fixed), target, folder)
        except DiscoveryError as error:
            why_fixed = f"on another the command does not work ({str(error).splitlines()[0]})"
    return _checked(written(topology=last, why_fixed=why_fixed), target, folder)


def _look(typed: Topology, wish: ServerSpec, log: Path) -> tuple[Target, str]:
    """Return where it listens, and a path that it answers."""
    with _running(typed, log) as server:
        deadline_s = time.monotonic() + wish.start_timeout_s
        opened = placeholders_of(typed)
        wanted = Wanted(server.port if "port" in opened else wish.port)
        if "unix_socket" in opened:
            wanted = Wanted(unix_socket=server.target.unix_socket)
        target = find_target(server, wanted, wish.start_timeout_s)
        return target, find_path(wish.load(target), USUAL if wish.path is None else (wish.path,), deadline_s)


def _checked(draft: Draft, target: Target, folder: Path) -> DiscoveredServer:
    """Start what the file says; of a cluster the largest, without which no comparison would be whole."""
    file = folder / "scenario.toml"
    file.write_text(draft.text, encoding="utf-8")
    scenario = load_scenario(file)
    topology = scenario.topologies[-1]
    log = folder / f"{topology.port or 'any-port'}.log"
    with _running(topology, log, f"started again, as {topology.name}: ") as server:
        load = scenario.load.at(server.target, seed=0)
        ready = wait_until_ready(server, load, topology.workers, scenario.start_timeout_s)
        workers = count_workers(server, Question.of_load(load), topology.workers)
    return DiscoveredServer(draft, target, ready, topology.workers or 1, workers)


@contextlib.contextmanager
def _running(topology: Topology, log: Path, when: str = "") -> Iterator[Server]:
    """The server. Raises DiscoveryError for whatever is wrong with it, and says ``when`` that was."""
    try:
        with Server(topology, log) as server:
            yield server
    except ServerError as error:
        said = said_of_failure(log)
        raise DiscoveryError("\n".join([f"{when}{error}", *(["It wrote:", *said] if said else [])])) from error
