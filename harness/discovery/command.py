"""The command that starts a server, as it was typed and as a scenario has it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from harness.discovery.placeholders import with_port, with_unix_socket, with_workers
from harness.load.spec import Target
from harness.scenario import Topology
from harness.scenario.placeholders import KNOWN_IN_ENV, check_placeholders, escape_braces
from harness.scenario.table import MAX_WORKERS
from harness.scenario.topology import LOOPBACK, AsFound, TopologyTable

RAW: Final = "raw"
CLUSTER: Final = "cluster-{workers}"
POOL: Final = "pool"
WORKERS: Final = (1, 2, 4)


def typed_topology(words: Sequence[str], env: Mapping[str, str], pass_env: Sequence[str]) -> Topology:
    """Return the topology of the command as typed. If it leaves the number of workers open, that is the smallest."""
    command, variables = tuple(map(escape_braces, words)), {name: escape_braces(value) for name, value in env.items()}
    workers = WORKERS[0] if "workers" in _find_placeholders(command, variables) else None
    return Topology(name=RAW, family=RAW, command=command, env=variables, pass_env=tuple(pass_env), workers=workers)


def topology_candidates(typed: Topology, target: Target) -> Iterator[TopologyTable]:
    """Yield the topologies that may describe the server at the target, the best first.

    The first leaves port or Unix socket open, if anything in the command names it; the last has it fixed.
    """
    command, typed_workers = with_workers(typed.command)
    return _candidates(typed, command, target, _worker_counts(typed.workers or typed_workers))


def pool_candidates(typed: Topology, target: Target) -> Iterator[TopologyTable]:
    """Yield the topologies for a server whose number of workers does not follow from the command, the best first."""
    return _candidates(typed, typed.command, target, "as found")


def _candidates(
    typed: Topology, command: Sequence[str], target: Target, workers: tuple[int, ...] | AsFound | None
) -> Iterator[TopologyTable]:
    if target.unix_socket is None:
        opened, env = with_port(command, typed.env, target.port)
    else:
        opened, env = with_unix_socket(command, typed.env, target.unix_socket)
    if leaves_place_open(opened, env):
        yield _build_table(typed, opened, env, workers, target, is_fixed=False)
    if not leaves_place_open(typed.command, typed.env):
        yield _build_table(typed, command, typed.env, workers, target, is_fixed=True)


def leaves_place_open(command: Sequence[str], env: Mapping[str, str]) -> bool:
    """Return whether there is a placeholder for the port or for a Unix socket."""
    return not {"port", "unix_socket"}.isdisjoint(_find_placeholders(command, env))


def _find_placeholders(command: Sequence[str], env: Mapping[str, str]) -> set[str]:
    return check_placeholders([*command, *env.values()], KNOWN_IN_ENV)


def _worker_counts(workers: int | None) -> tuple[int, ...] | None:
    """Return the numbers of workers to compare, the typed one among them; None if the server is no cluster."""
    if workers is None:
        return None
    return tuple(sorted({*WORKERS, min(max(workers, 1), MAX_WORKERS)}))


def _name(workers: tuple[int, ...] | AsFound | None) -> str:
    if workers is None:
        return RAW
    return POOL if workers == "as found" else CLUSTER


def _build_table(
    typed: Topology,
    command: Sequence[str],
    env: Mapping[str, str],
    workers: tuple[int, ...] | AsFound | None,
    target: Target,
    is_fixed: bool,
) -> TopologyTable:
    is_on_port = target.unix_socket is None
    return TopologyTable(
        name=_name(workers),
        command=tuple(command),
        env=dict(env),
        pass_env=typed.pass_env,
        workers=workers,
        baseline=not isinstance(workers, tuple),
        host=target.host if is_on_port else LOOPBACK,
        port=target.port if is_fixed and is_on_port else None,
        unix_socket=target.unix_socket if is_fixed else None,
        scheme=target.scheme,
    )
