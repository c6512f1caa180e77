"""The discovery of a server: its command is started as typed, to examine it, and as the scenario has it, to test it."""

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

from harness.discovery.command import pool_candidates, topology_candidates, typed_topology
from harness.discovery.draft import Draft
from harness.discovery.failure import DiscoveryError
from harness.discovery.listening import WantedPlace, find_target
from harness.discovery.paths import DEFAULT_PATHS, find_path
from harness.load.spec import Expectation, Load, Request, Target
from harness.scenario import Topology, load_scenario
from harness.scenario.placeholders import fill_variables
from harness.scenario.topology import TopologyTable, placeholders_of
from harness.server.launch import Server, explain_missing_programs, read_failure
from harness.server.probing import ask_at_once
from harness.server.process_tree import ProcessTree, workers_of
from harness.server.question import Question
from harness.server.readiness import ReadyServer, wait_until_ready
from harness.server.supervised import ServerError

AT_ONCE: Final = 16  # concurrent requests, to see which processes answer
WATCHED_S: Final = 0.6


@dataclass(frozen=True)
class ServerSpec:
    """The known properties of a server before it is examined.

    ``port`` and ``path`` are None if they are to be found. A good answer to a request with this ``method``, ``headers``
    and ``body`` has one of the ``statuses``, or 2xx if there are none.
    """

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
        """Return the request as a load on the target."""
        headers = {name: fill_variables(text, os.environ) for name, text in self.headers.items()}
        request = Request(method=self.method, headers=headers, body=self.body.encode())
        return Load(target=target, requests=(request,), expect=Expectation(statuses=self.statuses))


@dataclass(frozen=True)
class DiscoveredServer:
    """A draft of a scenario that works, and the start of its last topology.

    ``target`` is where the server listened when it was started as typed. The scenario states ``expected_workers``, and
    ``workers`` were found under concurrent requests.
    """

    draft: Draft
    target: Target
    ready: ReadyServer
    expected_workers: int
    workers: int


def discover(wish: ServerSpec, name: str, file: str) -> DiscoveredServer:
    """Start the server, examine it, and return a scenario that works, named ``name``, for the path ``file``.

    The server is stopped in any case. Raises DiscoveryError if there is no such scenario.
    """
    typed = typed_topology(wish.command, wish.env, wish.pass_env)
    if reason := explain_missing_programs(typed):
        raise DiscoveryError(reason)
    with TemporaryDirectory(prefix="harness-init-") as place:
        folder = Path(place)
        target, path = _find_place(typed, wish, folder / "typed.log")
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
        found = _find_working_draft(topology_candidates(typed, target), written, target, folder)
        if found.workers == found.expected_workers:
            return found
        if typed.workers is not None:
            raise DiscoveryError(
                f"told to have {found.expected_workers} workers, it has {found.workers}: {{workers}} does not say how"
                " many there are; leave it out, and they are taken as found"
            )
        written = partial(written, workers_found=found.workers)
        return _find_working_draft(pool_candidates(typed, target), written, target, folder)


def count_workers(server: Server, page: Question, declared: int | None) -> int:
    """Return how many processes work under concurrent requests; these are sent only if the request is safe."""
    until_s = time.monotonic() + WATCHED_S
    with ProcessTree(server, declared) as process_tree:
        with process_tree.look_repeatedly():
            while page.is_safe and time.monotonic() < until_s:
                ask_at_once(page, AT_ONCE)
        # Listed once the thread has stopped looking: it may have begun with a process that is new.
        return len(workers_of(process_tree.list_alive()))


def _find_working_draft(
    tables: Iterator[TopologyTable], written: Callable[..., Draft], target: Target, folder: Path
) -> DiscoveredServer:
    variable = f"PORT={target.port}" if target.unix_socket is None else f"SOCKET={target.unix_socket}"
    why_fixed = f"nothing in the command says clearly which it is (where a variable does: --env {variable})"
    *better, last = tables
    for table in better:
        try:
            return _verify_draft(written(topology=table, why_fixed=why_fixed), target, folder)
        except DiscoveryError as error:
            why_fixed = f"on another the command does not work ({str(error).splitlines()[0]})"
    return _verify_draft(written(topology=last, why_fixed=why_fixed), target, folder)


def _find_place(typed: Topology, wish: ServerSpec, log: Path) -> tuple[Target, str]:
    """Return the target at which the server listens, and a path that it answers."""
    with _run_server(typed, log) as server:
        deadline_s = time.monotonic() + wish.start_timeout_s
        opened = placeholders_of(typed)
        wanted = WantedPlace(server.port if "port" in opened else wish.port)
        if "unix_socket" in opened:
            wanted = WantedPlace(unix_socket=server.target.unix_socket)
        target = find_target(server, wanted, wish.start_timeout_s)
        return target, find_path(wish.load(target), DEFAULT_PATHS if wish.path is None else (wish.path,), deadline_s)


def _verify_draft(draft: Draft, target: Target, folder: Path) -> DiscoveredServer:
    """Start the server as the draft has it and count its workers; of a cluster, the largest topology.

    Raises DiscoveryError if it does not work.
    """
    file = folder / "scenario.toml"
    file.write_text(draft.text, encoding="utf-8")
    scenario = load_scenario(file)
    topology = scenario.topologies[-1]
    log = folder / f"{topology.port or 'any-port'}.log"
    with _run_server(topology, log, f"started again, as {topology.name}: ") as server:
        load = scenario.load.at(server.target, seed=0)
        ready = wait_until_ready(server, load, topology.workers, scenario.start_timeout_s)
        workers = count_workers(server, Question.of_load(load), topology.workers)
    return DiscoveredServer(draft, target, ready, topology.workers or 1, workers)


@contextlib.contextmanager
def _run_server(topology: Topology, log: Path, when: str = "") -> Iterator[Server]:
    """Run the server in the context. Raises DiscoveryError if it fails; ``when`` is a prefix of the message."""
    try:
        with Server(topology, log) as server:
            yield server
    except ServerError as error:
        said = read_failure(log)
        raise DiscoveryError("\n".join([f"{when}{error}", *(["It wrote:", *said] if said else [])])) from error
