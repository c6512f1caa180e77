"""Checks of what many connections need: descriptors, ports, places in the backlog."""

from typing import Final

from harness.doctor.check import Check, ok, unknown, warn
from harness.doctor.demand import LoadDemand
from harness.machine.host import Host, parse_count, word_after
from harness.machine.ports import count_local_ports

SPARE_FILES: Final = 64  # what a process has open beside its connections
HELD_S: Final = 60.0  # how long TIME_WAIT lasts in Linux
REUSED_S: Final = 1.0  # how soon tcp_tw_reuse lets a port be taken again
MAX_WAITING: Final = 0.1  # of the ports

_IPV4: Final = "proc/sys/net/ipv4"
_SOMAXCONN: Final = "net/core/somaxconn"
_SYN_BACKLOG: Final = "net/ipv4/tcp_max_syn_backlog"
_WIDEN: Final = (
    'sudo sysctl -w net.ipv4.ip_local_port_range="1024 65535", or open fewer connections; or serve on 127.0.0.1, which'
    " is connected to from as many addresses as it takes."
)
_REUSE: Final = "sudo sysctl -w net.ipv4.tcp_tw_reuse=2 net.ipv4.tcp_timestamps=1, or keep connections open."


def check_open_files(host: Host, demand: LoadDemand) -> Check:
    """Check whether one process can hold all the connections.

    The server starts with the soft limit; the generator raises its own to the hard limit.
    """
    (soft, hard), needed = host.open_files, demand.connections + SPARE_FILES
    what = f"{soft:,.0f} a process, {needed:,} needed for {demand.connections:,} connections"
    if soft >= needed:
        return ok("open files", what)
    if hard >= needed:
        return warn("open files", what, f"ulimit -n {needed} in the shell that runs harness: the server inherits it.")
    return warn(
        "open files",
        f"{what}, and no more than {hard:,.0f} to be had",
        f"Raise the hard limit to {needed} (limits.conf(5), LimitNOFILE=), or offer fewer connections.",
    )


def check_ports(host: Host, demand: LoadDemand) -> Check:
    """Check whether there is a local port for each connection. If each request opens one, this is an estimate.

    A local port can be used once for each port of the server. If the generator closes first, the port is held in
    TIME_WAIT for a minute, or for a second where Linux may reuse it (ip-sysctl, tcp_tw_reuse: since 4.19 on loopback).
    If the server closes first, no port is held; so keep-alive needs no more ports than connections, even if the server
    refuses it. To loopback addresses such as 127.0.0.1 the generator connects from as many addresses as necessary, each
    of which has all ports.
    """
    there, held_s = count_local_ports(host), _held_s(host) if demand.is_reopening else 0.0
    if there is None or held_s is None:
        return unknown("ports", "not told how many there are, or how soon they are free again")
    if not demand.is_reopening and demand.is_spread:
        return ok("ports", f"{there:,} for each of as many addresses as {demand.connections:,} connections need")
    if not demand.is_reopening:
        what, is_enough = f"{there:,} for {demand.connections:,} connections", there >= demand.connections
    elif demand.rate_per_s is None:
        what = f"{there:,}, each held for {held_s:g} s: about {there / held_s:,.0f} new connections/s"
        is_enough = held_s == REUSED_S
    else:
        needed = demand.connections + demand.rate_per_s * held_s
        what = f"{there:,}, about {needed:,.0f} needed with {demand.rate_per_s:,g}/s each held for {held_s:g} s"
        is_enough = there >= needed
    if is_enough:
        return ok("ports", what)
    return warn("ports", what, _WIDEN if held_s < HELD_S else _REUSE)


def check_time_wait(host: Host) -> Check:
    """Check how many connections that were closed within the last minute still hold their ports."""
    waiting, there = parse_count(word_after(host.text("proc/net/sockstat"), "tw")), count_local_ports(host)
    if waiting is None or there is None:
        return unknown("TIME_WAIT", "not told how many closed connections linger")
    what = f"{waiting:,} closed connections linger on {there:,} ports"
    if waiting <= MAX_WAITING * there:
        return ok("TIME_WAIT", what)
    return warn("TIME_WAIT", what, "End what opens so many, and wait a minute.")


def check_backlog(host: Host, demand: LoadDemand) -> Check:
    """Check whether all connections can be opened at once. One that is dropped is delayed by a second."""
    accept, half_open = host.number(f"proc/sys/{_SOMAXCONN}"), host.number(f"proc/sys/{_SYN_BACKLOG}")
    if accept is None or half_open is None:
        return unknown("backlog", "not told how many connections may wait to be accepted")
    what = f"{accept:,} to accept, {half_open:,} half-open, for {demand.connections:,} connections"
    limits = {_SOMAXCONN: accept, _SYN_BACKLOG: half_open}
    short = [path.replace("/", ".") for path, limit in limits.items() if limit < demand.connections]
    if not short:
        return ok("backlog", what)
    settings = " ".join(f"{name}={demand.connections}" for name in short)
    return warn("backlog", what, f"sudo sysctl -w {settings}, and let the server listen with as many.")


def _held_s(host: Host) -> float | None:
    """Return for how long a port is held in TIME_WAIT (s); None if that is unknown."""
    reuse, timestamps = host.number(f"{_IPV4}/tcp_tw_reuse"), host.number(f"{_IPV4}/tcp_timestamps")
    if reuse is None or timestamps is None:
        return None
    return REUSED_S if reuse and timestamps else HELD_S
