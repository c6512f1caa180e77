"""The stream sockets of this machine and who holds them, from /proc (proc(5)).

psutil gives a socket that several processes share to one of them alone, and does not say which Unix sockets listen.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

Place = int | str  # where a server listens: a TCP port, or the path of a Unix socket

_TCP: Final = ("/proc/net/tcp", "/proc/net/tcp6")
_UNIX: Final = "/proc/net/unix"
_ESTABLISHED, _LISTEN = "01", "0A"  # TCP's states, in hexadecimal
_STREAM: Final = "0001"
_ACCEPTS: Final = 0x10000  # __SO_ACCEPTCON
_LINK: Final = "socket:["


@dataclass(frozen=True)
class Socket:
    """A socket that listens at ``place``, or one end of a connection. ``peer`` is the other end's port; of Unix sockets
    the kernel does not tell it, and only the end that was accepted has a place."""

    place: Place
    listens: bool
    peer: int | None = None


def read_sockets() -> dict[int, Socket]:
    """Return those that listen or are connected, by inode."""
    return dict([*_tcp_sockets(), *_unix_sockets()])


def inodes_of(pid: int) -> set[int]:
    """Return the inodes of the sockets that a process holds. Raises FileNotFoundError when it has ended.

    By its open files: to look one socket up takes the kernel through all that the system has, tens of milliseconds.
    """
    inodes = set()
    with os.scandir(f"/proc/{pid}/fd") as fds:
        for fd in fds:
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                link = os.readlink(fd.path)
                if link.startswith(_LINK):
                    inodes.add(int(link[len(_LINK) : -1]))
    return inodes


def _tcp_sockets() -> Iterator[tuple[int, Socket]]:
    for path in _TCP:
        for fields in _rows(path):
            local, remote, state, inode = fields[1], fields[2], fields[3], int(fields[9])
            if state == _LISTEN:
                yield inode, Socket(_port(local), listens=True)
            elif state == _ESTABLISHED:
                yield inode, Socket(_port(local), listens=False, peer=_port(remote))


def _unix_sockets() -> Iterator[tuple[int, Socket]]:
    for fields in _rows(_UNIX):
        if len(fields) > 7 and fields[4] == _STREAM:  # the path may hold spaces, and is the last field
            yield int(fields[6]), Socket(" ".join(fields[7:]), listens=bool(int(fields[3], 16) & _ACCEPTS))


def _rows(path: str) -> list[list[str]]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return [line.split() for line in file.readlines()[1:]]
    except FileNotFoundError:  # a kernel without IPv6
        return []


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)
