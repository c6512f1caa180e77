"""Resources that processes hold and that may run out: descriptors, and connections to services."""

import contextlib
import os
import resource
import socket
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

import psutil

Address = tuple[str, int]  # of a peer: the IP address and the port


@dataclass(frozen=True)
class Holdings:
    """The open descriptors of a process, how many it may have, and its connections to each service by name. None where
    it has ended, or can't be read."""

    descriptors: int | None = None
    descriptor_limit: int | None = None
    connections_to: Mapping[str, int] | None = None


def resolve_addresses(host: str, port: int) -> set[Address]:
    """Return the addresses that the host has; none where they can't be found."""
    with contextlib.suppress(OSError):
        return {(str(each[4][0]), port) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    return set()


def read_holdings(pids: Iterable[int], services: Mapping[Address, str]) -> dict[int, Holdings]:
    """Return what each process holds now. ``services`` are the names of the services by their addresses. A connection
    that processes share, as after a fork, is of the first of them."""
    found: dict[int, Holdings] = {}
    counted: set[tuple[Address, Address]] = set()
    for pid in pids:
        found[pid] = Holdings()
        with contextlib.suppress(OSError, psutil.Error):
            limit, _ = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            own = set(_list_connections(pid, services)) - counted
            counted |= own
            connections_to = Counter(services[peer] for _, peer in own)
            found[pid] = Holdings(len(os.listdir(f"/proc/{pid}/fd")), limit, dict(connections_to))
    return found


def _list_connections(pid: int, services: Mapping[Address, str]) -> Iterator[tuple[Address, Address]]:
    """Yield the established TCP connections to services, each by its two ends; not those by Unix sockets."""
    if not services:
        return
    for each in psutil.Process(pid).net_connections("tcp"):
        if each.status == psutil.CONN_ESTABLISHED and each.raddr:
            own, peer = ((_plain(end.ip), end.port) for end in (each.laddr, each.raddr))
            if peer in services:
                yield own, peer


def _plain(address: str) -> str:
    """Return the IPv4 address that a socket of both versions has for its peer."""
    parsed = ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or address)
