"""On which port a server listens and speaks HTTP."""

import contextlib
import ipaddress
import time
from collections.abc import Iterator
from typing import Final

import psutil

from harness.generator.load import Request
from harness.server.census import take_census
from harness.server.guarded import ServerError
from harness.server.launch import HOST, Server
from harness.server.readiness import ANSWER_S, ask

SETTLE_S: Final = 0.2  # when no other port was opened for so long, there will be no more of them

Address = tuple[str, int]


def find_port(server: Server, wanted: int | None, timeout_s: float) -> int:
    """The port of 127.0.0.1 on which a process of the server answers: the ``wanted`` one, or the only one.

    Raises ServerError when the server ends, when what answers is not HTTP, when there is none after ``timeout_s``, and
    when there are several.
    """
    deadline_s = time.monotonic() + timeout_s
    missing, before = "it does not listen on any port", set[Address]()
    while (left_s := deadline_s - time.monotonic()) > 0:
        server.check_alive()
        now = set(_addresses(server))
        if now and now == before:
            ports, missing = _answering(now, wanted, min(ANSWER_S, left_s))
            if len(ports) > 1:
                listed = " and ".join(map(str, ports))
                raise ServerError(f"it answers on ports {listed}; say with --port N which of them is meant")
            if ports:
                return ports[0]
        before = now
        time.sleep(SETTLE_S)
    raise ServerError(f"not ready after {timeout_s:g} s: {missing}")


def _addresses(server: Server) -> Iterator[Address]:
    """Where its processes listen."""
    for process in take_census(server):
        with contextlib.suppress(psutil.NoSuchProcess):
            for connection in psutil.Process(process.pid).net_connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    yield connection.laddr.ip, connection.laddr.port


def _answering(addresses: set[Address], wanted: int | None, patience_s: float) -> tuple[list[int], str]:
    """The ports that answer, and what is missing where none does. Raises ServerError when all that do are not HTTP."""
    reached = {port for ip, port in addresses if _is_reached(ip) and wanted in (None, port)}
    if not reached:
        listed = ", ".join(_text(*address) for address in sorted(addresses))
        return [], f"it listens on {listed}, not on {HOST}" + (f":{wanted}" if wanted else "")
    answering, silent, foreign = [], [], []
    for port in sorted(reached):
        try:
            ask(port, Request(), patience_s)
            answering.append(port)
        except OSError as error:
            silent.append(f"no answer on port {port}: {error}")
        except ServerError as error:
            foreign.append(str(error))
    if foreign and not silent and not answering:
        raise ServerError("; ".join(foreign))
    return answering, "; ".join(silent + foreign)


def _is_reached(ip: str) -> bool:
    """Whether who listens there hears what is said to 127.0.0.1."""
    address = ipaddress.ip_address(ip)
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return address.is_unspecified or str(address) == HOST


def _text(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
