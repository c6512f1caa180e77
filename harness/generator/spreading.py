"""Spreading connections over several addresses of this machine, so that its ports do not run out."""

import ipaddress
import itertools
from collections.abc import Iterator
from typing import Final

from harness.load.spec import LoadShare

LOOPBACK: Final = ipaddress.IPv4Network("127.0.0.0/8")  # every address of it is this machine, and can be connected from
# Linux tries every second port first. When these are taken, it searches all of them in vain, which takes milliseconds.
SHARE_OF_PORTS: Final = 1 / 3


def can_spread(host: str) -> bool:
    """Check whether connections to the host can come from as many addresses as they need."""
    try:
        return host == "localhost" or ipaddress.ip_address(host) in LOOPBACK
    except ValueError:
        return False


def spread_addresses(share: LoadShare, ports: int) -> Iterator[str | None]:
    """Yield, without end, the local address of each connection of the share; None leaves it to the kernel.

    Each address has that many ports. No more than a third of them is used, so that the rest is left to connections
    that linger (TIME_WAIT). The first address is None.
    """
    connections_an_address = max(1, int(ports * SHARE_OF_PORTS))
    for number in itertools.count(share.index, share.of):
        address = number // connections_an_address
        yield str(LOOPBACK[1 + address]) if address else None
