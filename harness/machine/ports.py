"""The local ports of outgoing connections: ip_local_port_range in the kernel's ip-sysctl.rst."""

from harness.machine.host import Host, parse_count

PORT_RANGE = "proc/sys/net/ipv4/ip_local_port_range"


def count_local_ports(host: Host) -> int | None:
    """Return how many ports the kernel chooses from, for each pair of addresses; None if that is unknown."""
    ends = [parse_count(word) for word in (host.text(PORT_RANGE) or "").split()]
    match ends:
        case [int(low), int(high)] if low <= high:
            return high - low + 1
    return None
