"""Which processes listen where a server is to be reached."""

import contextlib
import ipaddress
import os

import psutil

from harness.load.spec import Target


def listening_pids(target: Target) -> set[int | None]:
    """Return every process that would be reached at the target; None stands for those of other users."""
    if target.unix_socket is not None:
        sockets = psutil.net_connections("unix")
        return {each.pid for each in sockets if socket_path(str(each.laddr), each.pid) == target.unix_socket}
    listening = [each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
    return {each.pid for each in listening if _is_heard(*ip_and_port(each.laddr), target)}


def ip_and_port(address: tuple[object, ...]) -> tuple[str, int]:
    """Return both of a socket's address, which is typed as though it might have none."""
    ip, port = address
    assert isinstance(ip, str)
    assert isinstance(port, int)
    return ip, port


def _is_heard(ip: str, port: int, target: Target) -> bool:
    return port == target.port and hears(ip, target.host)


def hears(listening_ip: str, host: str) -> bool:
    """Return whether who listens on the one address is reached at the other, or at either of ``localhost``."""
    if host == "localhost":
        return hears(listening_ip, "127.0.0.1") or hears(listening_ip, "::1")
    listening, reached = (ipaddress.ip_address(text) for text in (listening_ip, host))
    if isinstance(listening, ipaddress.IPv6Address) and listening.ipv4_mapped is not None:
        listening = listening.ipv4_mapped
    if listening.is_unspecified:
        return listening.version == 6 or reached.version == 4  # :: mostly takes IPv4 too
    return listening == reached


def socket_path(bound: str, pid: int | None) -> str:
    """Return the path of a Unix socket, which is told as it was bound: relative to where the process was."""
    if pid is None or not bound or bound.startswith(("/", "@")):
        return bound
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return os.path.normpath(os.path.join(psutil.Process(pid).cwd(), bound))
    return bound
