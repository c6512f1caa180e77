"""From which addresses of this machine connections are opened, so that its ports do not run out."""

import ipaddress
import itertools
from collections.abc import Iterator
from typing import Final

from harness.load.spec import LoadShare

LOOPBACK: Final = ipaddress.IPv4Network("127.0.0.0/8")  # all of it is this machine: every address can be connected from
# Linux takes every second port first, and looks through all of these, for milliseconds each time, when they are taken.
SHARE_OF_PORTS: Final = 1 / 3


def can_spread(host: str) -> bool:
    """Whether connections to the host can come from as many addresses as they need."""
    try:
        return host == "localhost" or ipaddress.ip_address(host) in LOOPBACK
    except ValueError:
        return False


def spread_addresses(share: LoadShare, ports: int) -> Iterator[str | None]:
    """Yield, without end, from where each connection of the share is opened: as many from one address as leaves most of
    the ports that it has to those that linger; None, for the first, leaves the address to the kernel."""
    connections_an_address = max(1, int(ports * SHARE_OF_PORTS))
    for number in itertools.count(share.index, share.of):
        address = number // connections_an_address
        yield str(LOOPBACK[1 + address]) if address else None
