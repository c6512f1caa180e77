"""One connection: a socket that is replaced when it breaks, and where the request on it stands."""

import socket
from collections.abc import Callable
from typing import Final

from harness.generator.framing import Head, ResponseReader
from harness.generator.transport import TlsStream
from harness.generator.window import Group
from harness.load.requests import EncodedRequest

# ``left`` is the bytes of body still to be discarded when positive; otherwise one of these.
AWAITING: Final = 0  # the request is sent, nothing of its response has been seen
READING: Final = -1  # the response is followed by ``reader``
CONNECTING: Final = -2
SHAKING_HANDS: Final = -3
SENDING: Final = -4  # a part of the request is still ours
IDLE: Final = -5  # open, and no request on it
CLOSED: Final = -6
ALARM: Final = -7  # no connection at all: see pacer

_Buffer = bytearray | memoryview


class Connection:
    """State of one connection. The socket's methods are bound once, which the load loop's speed rests on.

    ``due_ns`` is when the request on it was due, and ``sent_ns`` when it was first sent, if that was later.
    """

    __slots__ = (
        "due_ns",
        "fd",
        "group",
        "head",
        "is_chosen",
        "is_new",
        "is_resending",
        "left",
        "local_address",
        "reader",
        "record",
        "recv",
        "recv_into",
        "request",
        "send",
        "sent_ns",
        "sock",
        "tls",
        "unsent",
    )

    def __init__(self, group: Group, local_address: str | None = None) -> None:
        self.group = group
        self.local_address = local_address  # from which it is opened; None leaves that to the kernel
        self.record = group.prompt.append  # takes the latency (ns) of a request that was sent when it was due
        self.sock: socket.socket | None = None
        self.tls: TlsStream | None = None
        self.fd = -1
        self.left = CLOSED
        self.is_new = True  # no answer has come on it yet
        self.is_chosen = False  # its next answer is to be checked
        self.is_resending = False  # it is opened for the request that was on it when it ended
        self.due_ns = 0
        self.sent_ns = 0
        self.request: EncodedRequest
        self.head: Head  # of the response whose body is being discarded
        self.reader: ResponseReader | None = None
        self.unsent = memoryview(b"")
        self.recv: Callable[[int], bytes]
        self.recv_into: Callable[[_Buffer, int, int], int]
        self.send: Callable[[bytes | memoryview], int]

    @property
    def has_request(self) -> bool:
        """Whether a request has been sent on it, at least in part, and has not ended."""
        return self.left >= 0 or self.left in (READING, SENDING) or self.is_resending

    @property
    def has_answer(self) -> bool:
        """Whether a byte of the answer to its request has come."""
        return self.left > 0 or (self.reader is not None and self.reader.received_bytes > 0)

    def adopt(self, sock: socket.socket) -> None:
        """Use this socket, which is connecting."""
        self.sock, self.fd = sock, sock.fileno()
        self.recv, self.recv_into, self.send = sock.recv, sock.recv_into, sock.send
        self.reader, self.unsent = None, memoryview(b"")
        self.left, self.is_new, self.is_chosen = CONNECTING, True, False

    def adopt_tls(self, stream: TlsStream) -> None:
        """Speak through this stream, which has taken over the socket."""
        self.tls, self.sock = stream, stream.sock
        self.recv, self.send = stream.recv, stream.send
        self.left = SHAKING_HANDS

    def connect_error(self) -> int:
        """The errno that connecting ended with; 0 when it succeeded."""
        return self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if self.sock else 0

    def close(self) -> None:
        """Close the socket, which also takes it off the poll."""
        if self.sock is not None:
            self.sock.close()
        self.sock, self.tls, self.reader, self.fd, self.left = None, None, None, -1, CLOSED
        self.is_resending = False
