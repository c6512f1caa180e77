"""A server on loopback whose side of each connection is a function, for peers that don't wait for their turn."""

import contextlib
import socket
import ssl
from collections.abc import Callable
from itertools import repeat

from tests.generator.scripted_server import LINGER_NOT, SLOW_BUFFER_BYTES, Answer
from tests.generator.transport_server import TransportServer, tcp_listener

READ_BYTES = 64 * 1024

Talk = Callable[[socket.socket], None]


class TalkingServer(TransportServer):
    """Calls ``talk`` with every connection, and closes it afterwards. Over TLS when it has a ``context``.

    The kernel holds little of what it does not read.
    """

    def __init__(self, talk: Talk, context: ssl.SSLContext | None = None) -> None:
        listener = tcp_listener()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BUFFER_BYTES)
        super().__init__(repeat(Answer()), listener)
        self._talk = talk
        self._tls = context

    def _play(self, sock: socket.socket) -> None:
        if self._tls is None:
            self._talk(sock)
            return
        with self._tls.wrap_socket(sock.dup(), server_side=True) as secured:
            self._talk(secured)


def read_head(sock: socket.socket) -> tuple[bytes, bytes]:
    """The head of a request with its empty line, and what came of the body; nothing when the peer has closed."""
    received = b""
    while b"\r\n\r\n" not in received:
        data = sock.recv(READ_BYTES)
        if not data:
            return b"", b""
        received += data
    head, end, body = received.partition(b"\r\n\r\n")
    return head + end, body


def read_rest(sock: socket.socket, left: int) -> None:
    """Read so many bytes more, or until the peer closes."""
    while left > 0 and (data := sock.recv(READ_BYTES)):
        left -= len(data)


def reset(sock: socket.socket) -> None:
    """Have the coming close reset the connection, whatever was read."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)


def linger(sock: socket.socket) -> None:
    """Say that nothing more will be sent, and read on until the peer closes, as careful servers do."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(READ_BYTES):
            pass
