"""The search for the port or Unix socket at which a server speaks HTTP."""

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import psutil

from harness.generator.asking import ForeignProtocolError, ask, describe_error
from harness.load.spec import DEFAULT_PORTS, Load, Target, Tls
from harness.scenario.topology import LOOPBACK
from harness.server.launch import Server
from harness.server.listening import ip_and_port, matches_address, socket_path
from harness.server.process_tree import list_processes
from harness.server.supervised import ServerError

SETTLE_S: Final = 0.2  # if the listening sockets did not change for so long, there will be no more of them
ANSWER_S: Final = 5.0  # the longest wait for one answer
HOSTS: Final = (LOOPBACK, "::1")  # addresses of the server that are tried, the preferred one first

Place = tuple[str, int] | str  # an address and a port, or the path of a Unix socket


@dataclass(frozen=True)
class WantedPlace:
    """The place that is known beforehand: a ``port`` or a ``unix_socket``, or neither."""

    port: int | None = None
    unix_socket: str | None = None


def find_target(server: Server, wanted: WantedPlace, timeout_s: float) -> Target:
    """Return the target at which a process of the server speaks HTTP.

    That is the port or the Unix socket that is wanted; else its only port; else, if it listens on none, its only Unix
    socket. Raises ServerError when the server ends, when the answer is not HTTP, when there is no such target after
    ``timeout_s``, and when there are several.
    """
    deadline_s = time.monotonic() + timeout_s
    missing, before = "it does not listen on any port", set[Place]()
    while (left_s := deadline_s - time.monotonic()) > 0:
        server.check_alive()
        now = set(_iter_places(server))
        if now and now == before:
            targets, missing = _find_answering(now, wanted, time.monotonic() + min(ANSWER_S, left_s))
            if len(targets) > 1:
                raise ServerError(_ambiguity_text(targets))
            if targets:
                return targets[0]
        before = now
        time.sleep(SETTLE_S)
    raise ServerError(f"not ready after {timeout_s:g} s (--start-timeout): {missing}")


def where_text(target: Target) -> str:
    """Return the target in words."""
    if target.unix_socket is not None:
        return f"the Unix socket {target.unix_socket}"
    return f"port {target.port}" if target.host == LOOPBACK else f"port {target.port} of {target.host}"


def _ambiguity_text(targets: list[Target]) -> str:
    if targets[0].unix_socket is not None:
        return f"it answers on {' and '.join(map(where_text, targets))}: have the command say {{unix_socket}} for one"
    return f"it answers on ports {' and '.join(str(each.port) for each in targets)}; say with --port N which is meant"


def _iter_places(server: Server) -> Iterator[Place]:
    """Yield the ports on which the server's processes listen, and their Unix sockets, on which they may listen."""
    for process in list_processes(server):
        with contextlib.suppress(psutil.NoSuchProcess):
            for each in psutil.Process(process.pid).net_connections("all"):
                if each.family == socket.AF_UNIX and each.type == socket.SOCK_STREAM:
                    path = socket_path(str(each.laddr), process.pid)
                    if path.startswith("/"):
                        yield path
                elif each.status == psutil.CONN_LISTEN:
                    yield ip_and_port(each.laddr)


def _find_answering(places: set[Place], wanted: WantedPlace, deadline_s: float) -> tuple[list[Target], str]:
    """Return the targets that answer, and, if none does, what is missing.

    Raises ServerError when there are answers, and none of them is HTTP.
    """
    targets = _find_reachable(places, wanted)
    if not targets:
        listed = ", ".join(sorted(_place_text(place) for place in places))
        meant = wanted.unix_socket or (f"{LOOPBACK}:{wanted.port}" if wanted.port else f"{LOOPBACK} or ::1")
        return [], f"it listens on {listed}, not on {meant}"
    answering, silent, foreign = [], [], []
    for target in targets:
        try:
            answering.append(_detect_scheme(target, deadline_s))
        except OSError as error:
            silent.append(f"no answer on {where_text(target)}: {describe_error(error)}")
        except ForeignProtocolError as error:
            foreign.append(f"{where_text(target)} {error}")
    if foreign and not silent and not answering:
        raise ServerError("; ".join(foreign))
    return answering, "; ".join(silent + foreign)


def _find_reachable(places: set[Place], wanted: WantedPlace) -> list[Target]:
    """Return the wanted places as targets, each port once; Unix sockets only if no port can be reached."""
    ports: dict[int, Target] = {}
    for host in reversed(HOSTS):
        for ip, port in (place for place in places if not isinstance(place, str)):
            if wanted.unix_socket is None and wanted.port in (None, port) and matches_address(ip, host):
                ports[port] = Target(host=host, port=port)
    if ports or wanted.port is not None:
        return [ports[port] for port in sorted(ports)]
    paths = sorted(place for place in places if isinstance(place, str) and wanted.unix_socket in (None, place))
    return [Target(host="localhost", port=DEFAULT_PORTS["http"], unix_socket=path) for path in paths]


def _detect_scheme(target: Target, deadline_s: float) -> Target:
    """Return the target, with TLS if the server speaks it there. Raises OSError and ForeignProtocolError."""
    try:
        ask(Load(target=target), deadline_s)
    except ForeignProtocolError as error:
        if error.scheme != "https":
            raise
        target = target.with_tls(Tls(verify=False))
        ask(Load(target=target), deadline_s)
    return target


def _place_text(place: Place) -> str:
    if isinstance(place, str):
        return place
    ip, port = place
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
