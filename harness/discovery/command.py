"""The command as people type it, and as a scenario has it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from harness.discovery.places import with_port, with_workers
from harness.scenario import Topology
from harness.scenario.topology import MAX_WORKERS, TopologyTable, check_placeholders, escape_braces

RAW: Final = "raw"
CLUSTER: Final = "cluster-{workers}"
WORKERS: Final = (1, 2, 4)


def as_typed(words: Sequence[str], env: Mapping[str, str], pass_env: Sequence[str]) -> Topology:
    """What starts the server for the first time; a number of workers that is left open is the smallest."""
    command, variables = tuple(map(escape_braces, words)), {name: escape_braces(value) for name, value in env.items()}
    workers = WORKERS[0] if "workers" in check_placeholders([*command, *variables.values()]) else None
    return Topology(name=RAW, family=RAW, command=command, env=variables, pass_env=tuple(pass_env), workers=workers)


def as_written(typed: Topology, port: int) -> Iterator[TopologyTable]:
    """The ways to write down the server that listens on this port, the best first: with its port left open, if
    anything names it, and with that port fixed."""
    command, typed_workers = with_workers(typed.command)
    told, env = with_port(command, typed.env, port)
    numbers = _to_compare(typed.workers or typed_workers)
    if leaves_port_open(told, env):
        yield _table(typed, told, env, numbers, None)
    if not leaves_port_open(typed.command, typed.env):
        yield _table(typed, command, typed.env, numbers, port)


def leaves_port_open(command: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether there is a place for the port."""
    return "port" in check_placeholders([*command, *env.values()])


def _to_compare(workers: int | None) -> tuple[int, ...] | None:
    """Numbers of workers, that which was typed among them; None for what is not a cluster."""
    if workers is None:
        return None
    return tuple(sorted({*WORKERS, min(max(workers, 1), MAX_WORKERS)}))


def _table(
    typed: Topology, command: Sequence[str], env: Mapping[str, str], workers: tuple[int, ...] | None, port: int | None
) -> TopologyTable:
    return TopologyTable(
        name=CLUSTER if workers else RAW,
        command=tuple(command),
        env=dict(env),
        pass_env=typed.pass_env,
        workers=workers,
        baseline=workers is None,
        port=port,
    )
