"""The ports from which connections are opened: ip_local_port_range in ip-sysctl of the kernel."""

from harness.machine.host import Host, whole

PORT_RANGE = "proc/sys/net/ipv4/ip_local_port_range"


def count_local_ports(host: Host) -> int | None:
    """Return how many ports the kernel chooses from, for each pair of addresses; None where it does not tell."""
    ends = [whole(word) for word in (host.text(PORT_RANGE) or "").split()]
    match ends:
        case [int(low), int(high)] if low <= high:
            return high - low + 1
    return None
