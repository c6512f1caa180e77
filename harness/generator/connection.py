"""One connection of the closed loop: a socket that is replaced when it breaks, and where its request stands."""

import contextlib
import socket
from collections.abc import Callable
from typing import Final

from harness.generator.framing import Head, ResponseReader

# ``left`` is the bytes of body still to be discarded when positive; otherwise one of these.
AWAITING: Final = 0  # the request is sent, nothing of its response has been seen
READING: Final = -1  # the response is followed by ``reader``
CONNECTING: Final = -2
SENDING: Final = -3  # a part of the request is still ours
WAITING: Final = -4  # could not connect; tried again a little later

_Buffer = bytearray | memoryview


class Connection:
    """State of one connection. The socket's methods are bound once, which the load loop's speed rests on."""

    __slots__ = (
        "fd",
        "head",
        "left",
        "reader",
        "record",
        "recv",
        "recv_into",
        "send",
        "sock",
        "started_ns",
        "unsent",
    )

    def __init__(self, record: Callable[[int], None]) -> None:
        self.record = record  # takes a latency in ns
        self.sock: socket.socket | None = None
        self.fd = -1
        self.left = WAITING
        self.started_ns = 0
        self.head: Head  # of the response whose body is being discarded
        self.reader: ResponseReader | None = None
        self.unsent = b""
        self.recv: Callable[[int], bytes]
        self.recv_into: Callable[[_Buffer, int, int], int]
        self.send: Callable[[bytes], int]

    def open(self, family: socket.AddressFamily, address: tuple[str, int]) -> None:
        """Begin to connect, without blocking. Raises OSError when that fails at once."""
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.sock, self.fd = sock, sock.fileno()
        self.recv, self.recv_into, self.send = sock.recv, sock.recv_into, sock.send
        self.reader, self.unsent = None, b""
        self.left = CONNECTING
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(BlockingIOError):  # in progress: the socket turns writable when it is done
            sock.connect(address)

    def connect_error(self) -> int:
        """The errno that connecting ended with; 0 when it succeeded."""
        return self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if self.sock else 0

    def close(self) -> None:
        """Close the socket, which also takes it off the poll."""
        if self.sock is not None:
            self.sock.close()
        self.sock, self.fd, self.left = None, -1, WAITING
