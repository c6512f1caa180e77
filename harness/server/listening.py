"""The processes that listen on the address of a server."""

import contextlib
import ipaddress
import os

import psutil

from harness.load.spec import Target


def listening_pids(target: Target) -> set[int | None]:
    """Return the pid of every process that listens at the target; None stands for those of other users."""
    if target.unix_socket is not None:
        sockets = psutil.net_connections("unix")
        return {each.pid for each in sockets if socket_path(str(each.laddr), each.pid) == target.unix_socket}
    listening = [each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
    return {each.pid for each in listening if _matches_target(*ip_and_port(each.laddr), target)}


def ip_and_port(address: tuple[object, ...]) -> tuple[str, int]:
    """Return IP address and port of a TCP socket's address, with the types that psutil leaves open."""
    ip, port = address
    assert isinstance(ip, str)
    assert isinstance(port, int)
    return ip, port


def _matches_target(ip: str, port: int, target: Target) -> bool:
    return port == target.port and matches_address(ip, target.host)


def matches_address(listening_ip: str, host: str) -> bool:
    """Return whether a socket that listens on ``listening_ip`` accepts connections to ``host``; for ``localhost``, to
    127.0.0.1 or ::1."""
    if host == "localhost":
        return matches_address(listening_ip, "127.0.0.1") or matches_address(listening_ip, "::1")
    listening, reached = (ipaddress.ip_address(text) for text in (listening_ip, host))
    if isinstance(listening, ipaddress.IPv6Address) and listening.ipv4_mapped is not None:
        listening = listening.ipv4_mapped
    if listening.is_unspecified:
        return listening.version == 6 or reached.version == 4  # :: mostly takes IPv4 too
    return listening == reached


def socket_path(bound: str, pid: int | None) -> str:
    """Return the absolute path of a Unix socket.

    The kernel has the path as it was bound, which may be relative to the working folder of the process.
    """
    if pid is None or not bound or bound.startswith(("/", "@")):
        return bound
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return os.path.normpath(os.path.join(psutil.Process(pid).cwd(), bound))
    return bound
