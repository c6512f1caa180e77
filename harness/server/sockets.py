"""The stream sockets of this machine, and the processes that hold them.

psutil assigns a socket that several processes share to only one of them. /proc/net/tcp also lists every connection
closed in the last minute, which takes 50 ms if the server closes each one; sock_diag(7) leaves them out.
"""

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

Place = int | str  # where a server listens: a TCP port, or the path of a Unix socket

# sock_diag(7) and netlink(7): a header (length, type, flags, sequence, port), and a request for sockets by their state.
_HEADER: Final = struct.Struct("=IHHII")
_REQUEST: Final = struct.Struct("=BBBxI48x")  # family, protocol, extensions, states; the socket's id
_ANSWER: Final = struct.Struct("=BB2x2s58xII")  # family, state; the port (big-endian); user and inode
_SOCK_DIAG: Final = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY: Final = 20  # SOCK_DIAG_BY_FAMILY
_DUMP: Final = 0x301  # NLM_F_REQUEST, NLM_F_ROOT and NLM_F_MATCH
_ERROR, _DONE = 2, 3  # NLMSG_ERROR, NLMSG_DONE
_ALIGNED: Final = 4
_ESTABLISHED, _LISTEN = 1, 10  # of tcp_states.h
_BUFFER_BYTES: Final = 1 << 18

_UNIX: Final = "/proc/net/unix"  # proc(5)
_STREAM: Final = "0001"
_ACCEPTS: Final = 0x10000  # __SO_ACCEPTCON

_LINK: Final = "socket:["


@dataclass(frozen=True)
class Socket:
    """A socket that listens at ``place``, or one end of a connection.

    Of a connection over Unix sockets only the accepted end has a place: that of the listening socket.
    """

    place: Place
    listens: bool


def read_sockets() -> dict[int, Socket]:
    """Return the sockets that listen or are connected, by inode. Raises OSError where the kernel can't list them."""
    return dict([*_tcp_sockets(socket.AF_INET), *_tcp_sockets(socket.AF_INET6), *_unix_sockets()])


def inodes_of(pid: int) -> set[int]:
    """Return the inodes of the sockets that a process holds. Raises FileNotFoundError when it has ended."""
    inodes = set()
    with os.scandir(f"/proc/{pid}/fd") as fds:
        for fd in fds:
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                link = os.readlink(fd.path)
                if link.startswith(_LINK):
                    inodes.add(int(link[len(_LINK) : -1]))
    return inodes


def _tcp_sockets(family: int) -> Iterator[tuple[int, Socket]]:
    request = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 1 << _ESTABLISHED | 1 << _LISTEN)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.send(_HEADER.pack(_HEADER.size + len(request), _BY_FAMILY, _DUMP, 0, 0) + request)
        while True:
            answers = kernel.recv(_BUFFER_BYTES)
            at = 0
            while at < len(answers):
                size, kind, *_ = _HEADER.unpack_from(answers, at)
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    raise OSError(-struct.unpack_from("=i", answers, at + _HEADER.size)[0], "sock_diag(7)")
                _, state, port, _, inode = _ANSWER.unpack_from(answers, at + _HEADER.size)
                yield inode, Socket(int.from_bytes(port), listens=state == _LISTEN)
                at += -(-size // _ALIGNED) * _ALIGNED


def _unix_sockets() -> Iterator[tuple[int, Socket]]:
    with open(_UNIX, encoding="utf-8", errors="surrogateescape") as file:
        for fields in (line.split(maxsplit=7) for line in file):
            if len(fields) > 7 and fields[4] == _STREAM:
                yield int(fields[6]), Socket(fields[7].rstrip("\n"), listens=bool(int(fields[3], 16) & _ACCEPTS))
