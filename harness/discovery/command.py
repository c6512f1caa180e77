"""The command as people type it, and as a scenario has it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from harness.discovery.placeholders import with_port, with_unix_socket, with_workers
from harness.load.spec import Target
from harness.scenario import Topology
from harness.scenario.placeholders import KNOWN_IN_ENV, check_placeholders, escape_braces
from harness.scenario.topology import LOOPBACK, MAX_WORKERS, AsFound, TopologyTable

RAW: Final = "raw"
CLUSTER: Final = "cluster-{workers}"
POOL: Final = "pool"
WORKERS: Final = (1, 2, 4)


def as_typed(words: Sequence[str], env: Mapping[str, str], pass_env: Sequence[str]) -> Topology:
    """What starts the server for the first time; a number of workers that is left open is the smallest."""
    command, variables = tuple(map(escape_braces, words)), {name: escape_braces(value) for name, value in env.items()}
    workers = WORKERS[0] if "workers" in _opened(command, variables) else None
    return Topology(name=RAW, family=RAW, command=command, env=variables, pass_env=tuple(pass_env), workers=workers)


def as_written(typed: Topology, target: Target) -> Iterator[TopologyTable]:
    """Yield the ways to write down the server that listens there, the best first: with its port or Unix socket left
    open, if anything names it, and with that one fixed."""
    command, typed_workers = with_workers(typed.command)
    return _ways(typed, command, target, _to_compare(typed.workers or typed_workers))


def as_found(typed: Topology, target: Target) -> Iterator[TopologyTable]:
    """Yield the same where something else than the command decides how many workers there are."""
    return _ways(typed, typed.command, target, "as found")


def _ways(
    typed: Topology, command: Sequence[str], target: Target, workers: tuple[int, ...] | AsFound | None
) -> Iterator[TopologyTable]:
    if target.unix_socket is None:
        opened, env = with_port(command, typed.env, target.port)
    else:
        opened, env = with_unix_socket(command, typed.env, target.unix_socket)
    if leaves_place_open(opened, env):
        yield _table(typed, opened, env, workers, target, is_fixed=False)
    if not leaves_place_open(typed.command, typed.env):
        yield _table(typed, command, typed.env, workers, target, is_fixed=True)


def leaves_place_open(command: Sequence[str], env: Mapping[str, str]) -> bool:
    """Return whether there is a place for the port or for a Unix socket."""
    return not {"port", "unix_socket"}.isdisjoint(_opened(command, env))


def _opened(command: Sequence[str], env: Mapping[str, str]) -> set[str]:
    return check_placeholders([*command, *env.values()], KNOWN_IN_ENV)


def _to_compare(workers: int | None) -> tuple[int, ...] | None:
    """Numbers of workers, that which was typed among them; None for what is not a cluster."""
    if workers is None:
        return None
    return tuple(sorted({*WORKERS, min(max(workers, 1), MAX_WORKERS)}))


def _name(workers: tuple[int, ...] | AsFound | None) -> str:
    if workers is None:
        return RAW
    return POOL if workers == "as found" else CLUSTER


def _table(
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
