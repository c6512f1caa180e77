"""One request and its response on a connection, step by step: everything that the quick path leaves to others."""

import select
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final, Protocol

from harness.generator.connection import (
    ALARM,
    AWAITING,
    CLOSED,
    CONNECTING,
    IDLE,
    READING,
    SENDING,
    SHAKING_HANDS,
    Connection,
)
from harness.generator.framing import HEAD_PIECE_BYTES, BodyKind, Head, ProtocolError, ResponseReader
from harness.generator.pacer import Timer
from harness.generator.request_stats import RequestStats
from harness.generator.transport import Connector
from harness.load.requests import EncodedRequest
from harness.load.spec import Load
from harness.units import NS_PER_S

MOST_READS: Final = 3  # of one connection in a turn, whatever there is: others wait meanwhile
MOST_GONE_ON_WITH: Final = 16  # connections between two looks at the poll
USUAL_READ_BYTES: Final = 479  # what a bytes object of Python's small-object allocator can hold at the most
MOST_FIRST_READ_BYTES: Final = 8 * 1024

# Edge-triggered: epoll tells of a change, and is told again what to wait for only when that is something else. Whoever
# stops before "not now" asks again: see Exchange.ask_again. Room to send is waited for only while it is needed: since
# there nearly always is some, a piece of a response that was read before epoll looks would be told of, as room.
WATCHED: Final = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
WATCHED_FOR_ROOM: Final = WATCHED | select.EPOLLOUT
WANT_ROOM: Final = (CONNECTING, SHAKING_HANDS, SENDING)
USUAL_EVENTS: Final = select.EPOLLIN | select.EPOLLOUT  # any event above it is an error or an end
FOLLOWED: Final = (READING, SENDING)  # an answer may come before the request is sent
REQUEST_TIMEOUT: Final = 408


class Policy(Protocol):
    """What the connections are for: told what became of one, it says what comes next."""

    def opened(self, connection: Connection, now_ns: int) -> None:
        """The connection can take its first request."""

    def answered(self, connection: Connection, now_ns: int) -> None:
        """A whole response has arrived and is counted; the connection can take the next request."""

    def closed(self, connection: Connection, now_ns: int) -> None:
        """The connection is closed; what was on it is counted."""

    def not_opened(self, connection: Connection, now_ns: int) -> None:
        """What :meth:`Exchange.open` began has failed, and the connection is closed. Nothing is counted yet."""

    def timed_out(self, connection: Connection, now_ns: int) -> None:
        """The connection is closed, since the request on it has waited too long; it is counted."""

    def is_overdue(self, connection: Connection, now_ns: int) -> bool:
        """Whether the request on the connection has waited too long."""

    @property
    def connections(self) -> Sequence[Connection]:
        """Those that take part."""

    def in_need(self, connections: Sequence[Connection], now_ns: int) -> list[Connection]:
        """Return those of the connections that are to be looked after, a few times a second."""

    def look_after(self, connection: Connection, now_ns: int) -> None:
        """Open the connection if it is to be open and is not, or give up what has waited too long on it."""

    @property
    def in_flight(self) -> int:
        """Requests that were started and have not ended."""


class Exchange:
    """Opens connections, sends on them and follows the responses to one of the ways to end."""

    def __init__(self, load: Load, ledger: RequestStats) -> None:
        self.epoll = select.epoll()
        self.by_fd: dict[int, Connection] = {}
        self._dialler = Connector(load.target)
        addresses = self._dialler.local_addresses(load.share, load.connections)
        self.connections = [
            Connection(ledger.groups[number % load.threads], address) for number, address in enumerate(addresses)
        ]
        self.first_read_bytes = USUAL_READ_BYTES
        self.timeout_ns = round(load.timeout_s * NS_PER_S)
        self.policy: Policy  # set by the loop: the two know each other
        self._ledger = ledger
        self._keepalive = load.keepalive
        self._expect = load.expect
        self._nobody = Connection(ledger.groups[0])  # which is closed, whatever is told of it
        self._unfinished: dict[Connection, Callable[[Connection], None]] = {}  # and how to go on with it
        self._more = self.new_alarm()  # rings for them: epoll tells nothing of what OpenSSL holds

    def new_alarm(self) -> Timer:
        """An alarm that wakes the poll, and nothing else happens."""
        alarm, bell = Timer(self.epoll), Connection(self._ledger.groups[0])
        bell.left = ALARM
        self.by_fd[alarm.fd] = bell
        return alarm

    # Opening and closing ------------------------------------------------------------------------------------

    def open(self, connection: Connection) -> bool:
        """Begin to connect; False, and nothing told to the policy, when that fails at once."""
        try:
            connection.adopt(self._dialler.dial(connection.local_address))
        except OSError:
            return False
        self.by_fd[connection.fd] = connection
        self.epoll.register(connection.fd, WATCHED_FOR_ROOM)
        return True

    def close(self, connection: Connection) -> None:
        """Close without a word to anybody; what was on the connection has been counted."""
        if self.by_fd.get(connection.fd) is connection:
            # What epoll told of it may still be to come in the batch that is served: another's turn can end it.
            self.by_fd[connection.fd] = self._nobody
        self._unfinished.pop(connection, None)
        connection.close()

    def _opened(self, connection: Connection) -> None:
        if connection.is_resending:
            connection.is_resending = False
            self._send_request(connection)
        else:
            self.policy.opened(connection, time.monotonic_ns())

    def _not_opened(self, connection: Connection) -> None:
        if connection.is_resending:
            self._fail_connect(connection)
        else:
            self.close(connection)
            self.policy.not_opened(connection, time.monotonic_ns())

    # Sending ------------------------------------------------------------------------------------------------

    def send(self, connection: Connection, request: EncodedRequest, due_ns: int, now_ns: int) -> None:
        """Send a request that was due at ``due_ns`` on an open connection that has none."""
        connection.request = request
        connection.due_ns, connection.sent_ns = due_ns, now_ns
        self._send_request(connection)

    def _send_request(self, connection: Connection) -> None:
        request = connection.request
        if connection.is_new or connection.is_chosen:
            connection.reader = self._ledger.checking_reader(request.method)
            connection.is_chosen = False
        elif connection.tls:  # whose bytes can't be skipped unread
            connection.reader = self._ledger.reader(request.method)
        self._send_bytes(connection, request.data)

    def _send_bytes(self, connection: Connection, data: bytes | memoryview) -> None:
        """Send what is left of the request."""
        try:
            sent = connection.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.lose_writing(connection)
            return
        if sent < len(data):
            self.send_later(connection, memoryview(data)[sent:])
        else:
            connection.left = READING if connection.reader else AWAITING

    def send_later(self, connection: Connection, unsent: memoryview) -> None:
        """Send the rest of a request when there is room for it."""
        connection.unsent, was_left, connection.left = unsent, connection.left, SENDING
        if was_left not in WANT_ROOM:
            self.ask_again(connection)

    # Something happened -------------------------------------------------------------------------------------

    def advance(self, connection: Connection, event: int) -> None:
        """Do what a connection that is not on the quick path was waiting for."""
        left = connection.left
        if left == CONNECTING:
            self._connected(connection)
        elif left == SHAKING_HANDS:
            self._shake_hands(connection)
        elif left == SENDING:
            self._send_on(connection)
        elif left == IDLE:
            self._hear_idle(connection)
        elif left == READING:
            self.read_on(connection)
        elif left == ALARM and self._unfinished:
            self._go_on()
        if (left in WANT_ROOM and connection.left != SENDING) or event > USUAL_EVENTS:
            self.ask_again(connection)

    def ask_again(self, connection: Connection) -> None:
        """Have epoll tell once more what there is on the socket, now that something else is waited for."""
        if connection.left not in (CLOSED, CONNECTING, SHAKING_HANDS):
            self.epoll.modify(connection.fd, WATCHED_FOR_ROOM if connection.left == SENDING else WATCHED)

    def choose(self, connection: Connection) -> None:
        """Follow and check the next response on the connection: the one it waits for, or else the one after."""
        if connection.left == AWAITING:
            connection.reader, connection.left = self._ledger.checking_reader(connection.request.method), READING
            return
        connection.is_chosen = True
        if connection.left > 0:  # or the quick path would send the next request, and not see that it is chosen
            rest = ResponseReader.within_body(connection.request.method, connection.head, connection.left)
            connection.reader, connection.left = rest, READING

    def _connected(self, connection: Connection) -> None:
        if connection.connect_error():
            self._not_opened(connection)
        elif self._dialler.is_tls and connection.sock:
            try:
                connection.adopt_tls(self._dialler.secure(connection.sock))
            except OSError:  # reset since it was asked
                self._not_opened(connection)
                return
            self._shake_hands(connection)
        else:
            self._opened(connection)

    def _shake_hands(self, connection: Connection) -> None:
        assert connection.tls is not None
        try:
            connection.tls.shake_hands()
        except BlockingIOError:
            return
        except OSError:
            self._not_opened(connection)
            return
        self._opened(connection)

    def _hear_idle(self, connection: Connection) -> None:
        """Nothing is to come here: the peer hangs up, which is its right, or says what nobody asked for."""
        try:
            connection.recv(1)
        except BlockingIOError:
            return
        except OSError:
            pass
        self.close(connection)
        self.policy.closed(connection, time.monotonic_ns())

    def _send_on(self, connection: Connection) -> None:
        """Go on with a request, but first hear the peer: it may answer before it has read all of it, or not read on
        before its answer is taken."""
        sock = connection.sock
        self.read_on(connection)
        if connection.sock is sock:
            self._send_bytes(connection, connection.unsent)

    # Reading ------------------------------------------------------------------------------------------------

    def read_on(self, connection: Connection) -> None:
        """Read a response that is followed until there is no more for now, or as much as one turn has time for."""
        sock = connection.sock
        for _ in range(MOST_READS):
            if connection.left not in FOLLOWED:
                break
            piece_bytes = _piece_bytes(connection)
            try:
                data = connection.recv(piece_bytes)
            except BlockingIOError:
                return
            except OSError:
                self.lose(connection)
                return
            self.read(connection, data)
            if connection.sock is not sock or (data and len(data) < piece_bytes and not connection.tls):
                return
        if connection.left in FOLLOWED:
            self._go_on_later(connection, self.read_on)
        else:
            self.ask_again(connection)

    def _go_on_later(self, connection: Connection, step: Callable[[Connection], None]) -> None:
        """Take that step when others have had their turn."""
        self._unfinished[connection] = step
        self._more.set(1)  # nanosecond after the machine was started: at once

    def _go_on(self) -> None:
        """Go on with some of the connections that had more for their turn than there was time for."""
        for connection in list(islice(self._unfinished, MOST_GONE_ON_WITH)):
            step = self._unfinished.pop(connection)
            if connection.left in FOLLOWED:
                step(connection)
        if self._unfinished:
            self._more.set(1)

    def read(self, connection: Connection, data: bytes) -> None:
        """Take what arrived, if anything did; back to the quick path as soon as only a body is left to skip."""
        reader = connection.reader or self._ledger.reader(connection.request.method)
        try:
            complete = reader.feed(data) if data else reader.end()
        except ProtocolError as error:
            self.fail_protocol(connection, str(error))
            return
        if complete and reader.head:
            self._complete(connection, reader, reader.head, data)
        elif not data:
            self.lose(connection)
        elif connection.left == SENDING:
            connection.reader = reader
        elif (known := self._skippable(connection, reader)) is not None:
            connection.head, connection.left, connection.reader = known, reader.body_left, None
            connection.is_new = False
        else:
            connection.left, connection.reader = READING, reader

    def _skippable(self, connection: Connection, reader: ResponseReader) -> Head | None:
        """The head of a response of which only a body is still to come that nobody needs to see, nor its end."""
        if reader.head is None or reader.sees_body or connection.tls or not reader.began_with_head:
            return None
        if connection.is_chosen:
            return None
        return self._ledger.knows(reader.head, self.connections)

    def _complete(self, connection: Connection, reader: ResponseReader, head: Head, data: bytes) -> None:
        now_ns = time.monotonic_ns()
        if self.policy.is_overdue(connection, now_ns):
            self.time_out(connection, now_ns)
            return
        if self._tells_of_idleness(connection, head):
            self._send_again(connection)
            return
        self._ledger.served(connection, reader, head, data, now_ns)
        was_sent = connection.left != SENDING
        connection.reader, connection.is_new = None, False
        if not (was_sent and head.keep_alive and self._keepalive) or head.body_kind is BodyKind.UNTIL_CLOSE:
            self.close(connection)
            self.policy.closed(connection, now_ns)
            return
        self._ledger.knows(head, self.connections)
        if self.first_read_bytes <= reader.received_bytes < MOST_FIRST_READ_BYTES:
            self.first_read_bytes = reader.received_bytes + 1  # so that next time it comes in one piece
        self.policy.answered(connection, now_ns)

    def _tells_of_idleness(self, connection: Connection, head: Head) -> bool:
        """Whether the server said no more than that it closes a connection it had waited on, as the next request was
        on its way (RFC 9110, section 15.5.9): that is no answer to it, unless one is expected."""
        is_a_farewell = head.status == REQUEST_TIMEOUT and not head.keep_alive and not connection.is_new
        return is_a_farewell and connection.request.is_idempotent and not self._expect.has_good(head.status)

    # The ways to fail, and time -----------------------------------------------------------------------------

    def lose(self, connection: Connection) -> None:
        """The connection has ended, and the answer is not complete."""
        if connection.has_answer:
            self._ledger.tally.read += 1
        elif not connection.is_new:
            # It was used before, and the server closed it as the request was on its way: see RFC 9112, section 9.3.1.
            if connection.request.is_idempotent:
                self._send_again(connection)
                return
            self._ledger.tally.stale += 1
        elif connection.left == SENDING:
            self._ledger.tally.write += 1
        else:
            self._ledger.tally.read += 1
        self._give_up(connection, time.monotonic_ns())

    def lose_writing(self, connection: Connection) -> None:
        """The connection takes no more of the request; what the peer said before may be an answer."""
        sock, connection.left = connection.sock, SENDING
        for _ in range(MOST_READS):
            try:
                data = connection.recv(_piece_bytes(connection))
            except OSError:
                data = b""
            if not data:  # not the end of a body: the connection was not closed in order
                self.lose(connection)
                return
            self.read(connection, data)
            if connection.sock is not sock:
                return
        self._go_on_later(connection, self.lose_writing)

    def _send_again(self, connection: Connection) -> None:
        """Send the request once more, on a new connection; on that one it is the first, and not sent again."""
        self._ledger.tally.reconnected += 1
        self.close(connection)
        connection.is_resending = True
        if not self.open(connection):
            self._fail_connect(connection)

    def _fail_connect(self, connection: Connection) -> None:
        """No connection can be had for the request."""
        self._ledger.tally.connect += 1
        self._give_up(connection, time.monotonic_ns())

    def fail_protocol(self, connection: Connection, reason: str) -> None:
        """The response is not HTTP/1.1."""
        self._ledger.tally.reject(reason)
        self._give_up(connection, time.monotonic_ns())

    def time_out(self, connection: Connection, now_ns: int) -> None:
        """The request on the connection has waited too long."""
        self._ledger.timed_out(connection, now_ns)
        self.close(connection)
        self.policy.timed_out(connection, now_ns)

    def _give_up(self, connection: Connection, now_ns: int) -> None:
        """The request on the connection has failed, as is counted."""
        self._ledger.failed(connection)
        self.close(connection)
        self.policy.closed(connection, now_ns)


def _piece_bytes(connection: Connection) -> int:
    return connection.reader.piece_bytes if connection.reader else HEAD_PIECE_BYTES
