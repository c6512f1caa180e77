"""One connection: a socket that is replaced when it breaks, and the state of the request on it.

A connection is always in one of these states. The field :attr:`Connection.state` holds it.

==================  ================================================  ================================================
State               Meaning                                           Next state, and what leads to it
==================  ================================================  ================================================
CLOSED              There is no socket.                               CONNECTING: the socket is created (``attach``).
CONNECTING          The socket is connecting.                         IDLE: connected, without TLS.
                                                                      HANDSHAKING: connected, with TLS.
                                                                      CLOSED: refused, unreachable, or too slow.
HANDSHAKING         TLS's handshake is under way.                     IDLE: the handshake is done.
                                                                      CLOSED: it failed, or is too slow.
IDLE                The connection is open, without a request. In a   AWAITING_RESPONSE: a request is sent in whole.
                    closed loop the next request is sent in the same  READING_RESPONSE: the same, and its response has
                    step, and the field never has this value.         to be followed.
                                                                      SENDING_REQUEST: only a part of it is sent.
                                                                      CLOSED: the peer closes, or sends anything.
SENDING_REQUEST     A part of the request is still to be sent. A      AWAITING_RESPONSE: all is sent.
                    response that comes already is followed.          READING_RESPONSE: the same, and its response has
                                                                      to be followed, or has begun.
                                                                      CLOSED: the response is complete already.
AWAITING_RESPONSE   The request is sent, and no byte of its response  IDLE: the whole response is recognised.
                    has come. The quick path reads what comes.        (n > 0): its head is recognised.
                                                                      READING_RESPONSE: it is not recognised, or it has
                                                                      been chosen to be checked.
READING_RESPONSE    A ResponseReader follows the response byte by     IDLE: the response is complete.
                    byte.                                             (n > 0): only a body that nobody looks at is left.
(n > 0)             n bytes of body are still to be discarded, by     IDLE: all n have come.
                    the quick path and unseen.                        (fewer): a part of them has come.
                                                                      READING_RESPONSE: the next response is to be
                                                                      checked, so that the end of this one is followed.
TIMER               This is no connection: it stands for a timer on   None.
                    the poll (see :mod:`harness.generator.pacer`).
==================  ================================================  ================================================

Every state with a request on it becomes CLOSED when the peer closes or resets, sends what is not HTTP/1.1, or takes
too long; and after a complete response when the connection is not kept alive. ``Exchange`` may then open it again for
the same request (``is_resending``), which leads from CONNECTING to the states that follow IDLE.

The states and the number of body bytes share one integer because the load loop reads it for every event. One comparison
with zero separates what is rare (below zero) from what the quick path serves, and the same value then is the number of
bytes to discard. With a second field, every event would cost one more look-up of an attribute. For the same reason the
states are plain integers, and no members of an enum.
"""

import socket
from collections.abc import Callable
from typing import Final

from harness.generator.framing import Head, ResponseReader
from harness.generator.transport import TlsStream
from harness.generator.window import Group
from harness.load.requests import EncodedRequest

# Values of Connection.state. Those that the quick path serves are not negative: this one, and the bytes of a body.
AWAITING_RESPONSE: Final = 0
READING_RESPONSE: Final = -1
CONNECTING: Final = -2
HANDSHAKING: Final = -3
SENDING_REQUEST: Final = -4
IDLE: Final = -5
CLOSED: Final = -6
TIMER: Final = -7

_Buffer = bytearray | memoryview


class Connection:
    """The state of one connection.

    ``state`` is one of the constants above or, if positive, the number of body bytes still to be discarded.
    ``due_ns`` is when the request on it was due. ``sent_ns`` is when it was first sent, if that was later.
    The socket's methods are bound once, when it is attached: the speed of the load loop rests on that.
    """

    __slots__ = (
        "due_ns",
        "fd",
        "group",
        "head",
        "is_chosen",
        "is_new",
        "is_resending",
        "local_address",
        "reader",
        "record",
        "recv",
        "recv_into",
        "replica",
        "request",
        "send",
        "sent_ns",
        "sock",
        "state",
        "tls",
        "unsent",
    )

    def __init__(self, group: Group, local_address: str | None = None) -> None:
        self.group = group
        self.local_address = local_address  # from which it is opened; None leaves that to the kernel
        self.record = group.prompt.append  # takes the latency (ns) of a request that was sent when it was due
        self.sock: socket.socket | None = None
        self.tls: TlsStream | None = None
        self.replica = 0
        self.fd = -1
        self.state = CLOSED
        self.is_new = True  # no response has come on it yet
        self.is_chosen = False  # its next response is to be checked
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
        """True if a request has been sent on it, at least in part, and has not ended."""
        return self.state >= 0 or self.state in (READING_RESPONSE, SENDING_REQUEST) or self.is_resending

    @property
    def has_response(self) -> bool:
        """True if a byte of the response to its request has come."""
        return self.state > 0 or (self.reader is not None and self.reader.received_bytes > 0)

    def attach(self, sock: socket.socket, replica: int = 0) -> None:
        """Use this socket, which is connecting to this replica."""
        self.sock, self.fd, self.replica = sock, sock.fileno(), replica
        self.recv, self.recv_into, self.send = sock.recv, sock.recv_into, sock.send
        self.reader, self.unsent = None, memoryview(b"")
        self.state, self.is_new, self.is_chosen = CONNECTING, True, False

    def attach_tls(self, stream: TlsStream) -> None:
        """Send and receive through this stream, which has taken over the socket."""
        self.tls, self.sock = stream, stream.sock
        self.recv, self.send = stream.recv, stream.send
        self.state = HANDSHAKING

    def connect_error(self) -> int:
        """Return the errno with which connecting ended; 0 if it succeeded."""
        return self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if self.sock else 0

    def close(self) -> None:
        """Close the socket, which also removes it from the poll."""
        if self.sock is not None:
            self.sock.close()
        self.sock, self.tls, self.reader, self.fd, self.state = None, None, None, -1, CLOSED
        self.is_resending = False
