"""The hosts that a load may reach: this machine, and another only when it is named, and then within bounds."""

import ipaddress
import socket
from collections.abc import Sequence
from typing import Final

import typer

from harness.cli.usage import UsageError
from harness.load.spec import Load, Target

LIFTED: Final = "none"
NUMERIC: Final = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


def check_reach(
    load: Load, allowed: Sequence[str], most_rate_per_s: float | None, most_connections: int | None
) -> None:
    """Raise UsageError for a load on a host that is neither this machine nor ``allowed``, or that is beyond the bounds
    for other hosts, where they are not lifted (None). The target is one that :func:`resolve` returned."""
    host = load.target.host
    if is_here(load.target):
        return
    if host not in allowed:
        raise UsageError(
            f"{host} is not this machine. Loads go to 127.0.0.0/8 and ::1; elsewhere only with --allow-host {host},"
            " from those who may"
        )
    reasons = []
    if most_rate_per_s is not None and load.arrivals is None:
        reasons.append(f"a closed loop is as fast as {host} answers: give a --rate, or --max-rate {LIFTED}")
    elif most_rate_per_s is not None and (rate := highest_rate(load)) > most_rate_per_s:
        reasons.append(f"{rate:g} requests/s are more than --max-rate {most_rate_per_s:g} allows for another host")
    if most_connections is not None and load.connections > most_connections:
        reasons.append(
            f"{load.connections} connections are more than --max-connections {most_connections} allows for another host"
        )
    if reasons:
        raise UsageError("\n".join(reasons))


def resolve(target: Target) -> Target:
    """Return the target with the addresses of its host, looked up once: those that are checked are those that are
    loaded, whatever a name server says later. Raises UsageError where the host has none."""
    if target.unix_socket is not None:
        return target
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        addresses = [socket.getnameinfo(address, NUMERIC)[0] for *_, address in found]  # %eth0 of IPv6 included
    except UnicodeError as error:
        raise UsageError(f"{target.host} can be no host's name") from error
    except OSError as error:
        raise UsageError(f"unable to connect to {target.host}, which can't be looked up: {error.strerror}") from error
    return target.with_addresses(tuple(dict.fromkeys(addresses)))


def is_here(target: Target) -> bool:
    """Return True if every address of a resolved target is this machine's own."""
    if target.unix_socket is not None:
        return True
    assert target.addresses, "it was not resolved"
    addresses = [ipaddress.ip_address(address.partition("%")[0]) for address in target.addresses]
    return all(address.is_loopback or address.is_unspecified for address in addresses)  # as servers print 0.0.0.0


def highest_rate(load: Load) -> float:
    """Return the highest rate of an open loop (requests/s)."""
    assert load.arrivals is not None, "a closed loop has none"
    return max([load.arrivals.rate_per_s, *(stage.rate_per_s for stage in load.arrivals.stages)])


def parse_bound(text: str) -> float | None:
    """Return an option's bound, a positive number; None when it is lifted."""
    if text == LIFTED:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise typer.BadParameter(f"expected a positive number or '{LIFTED}', got {text!r}")
    return value
