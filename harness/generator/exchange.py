"""One request and its response on a connection, step by step: everything that the quick path leaves to others.

Why there is a quick path, and what it rests on: the time that the generator spends on each response bounds the rate
that it can offer, and parsing a head alone takes about 8 µs. But a server under load sends the same few responses again
and again. In HTTP/1.1 the end of a response follows from nothing but its own bytes and the method of its request
(RFC 9112, section 6.3), unless it lasts until the connection closes. So equal bytes mean equal results: once a response
has been parsed, the next one with the same bytes has the same status, the same length and the same end. Comparing bytes
(with the last response, or by one look-up in a hash table) then replaces parsing them.

Two things can be equal (see :mod:`harness.generator.response_cache`):

- A whole response that came at once, in one read, is compared with whole responses. It must be equal to the last byte.
  A connection carries one request at a time, and its response ends with the last of these bytes. So a read that
  returned them, and none beyond, has read the response and nothing else. Its body need not be checked again: if it was
  checked, the bytes that were checked are the bytes that came.
- Where only the head is equal, as in a response with a counter in its body, or one that takes several reads, the head
  says the length of the body (``Head.is_self_delimiting``). That many bytes are then discarded unseen.

Neither is done where the end of a response depends on more than these bytes. A chunked body is not skipped by its head,
and a response that lasts until the connection closes is never recognised. Where a load mixes HEAD with other methods,
nothing is cached, because the same head may then be followed by a body or by none. Every response that is not
recognised comes here and is parsed: the quick path saves time, and never interprets a response itself.
"""

import select
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final, Protocol

from harness.generator.clock import LoopClock
from harness.generator.connection import (
    AWAITING_RESPONSE,
    CLOSED,
    CONNECTING,
    HANDSHAKING,
    IDLE,
    READING_RESPONSE,
    SENDING_REQUEST,
    TIMER,
    Connection,
)
from harness.generator.framing import HEAD_PIECE_BYTES, BodyKind, Head, ProtocolError, ResponseReader
from harness.generator.pacer import Timer
from harness.generator.request_stats import RequestStats
from harness.generator.transport import Connector
from harness.load.requests import EncodedRequest
from harness.load.spec import Load
from harness.units import NS_PER_S

MAX_READS: Final = 3  # of one connection in a turn, however much there is: the others wait meanwhile
MAX_RESUMED: Final = 16  # deferred connections that are resumed between two polls
DEFAULT_READ_BYTES: Final = 479  # the longest bytes object that Python's small-object allocator holds
MAX_FIRST_READ_BYTES: Final = 8 * 1024

# Edge-triggered: epoll reports a change once, and is called again only to wait for something else. Code that stops
# reading before BlockingIOError has to call Exchange.rearm. Room to send is waited for only while it is needed. Since
# there nearly always is room, epoll would otherwise report a piece of a response that has been read already, as room.
READ_EVENTS: Final = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
READ_WRITE_EVENTS: Final = READ_EVENTS | select.EPOLLOUT
WRITING_STATES: Final = (CONNECTING, HANDSHAKING, SENDING_REQUEST)
READINESS_EVENTS: Final = select.EPOLLIN | select.EPOLLOUT  # any event above it is an error or an end
READING_STATES: Final = (READING_RESPONSE, SENDING_REQUEST)  # a response may come before the request is sent
REQUEST_TIMEOUT: Final = 408


class Policy(Protocol):
    """The policy of a loop, closed or open: informed of what happened to a connection, it decides what comes next."""

    def on_open(self, connection: Connection, now_ns: int) -> None:
        """Use the connection, which can take its first request."""

    def on_response(self, connection: Connection, now_ns: int) -> None:
        """Use the connection again. A whole response has arrived and is counted."""

    def on_close(self, connection: Connection, now_ns: int) -> None:
        """React to a connection that is closed. The request that was on it is counted."""

    def on_open_failure(self, connection: Connection, now_ns: int) -> None:
        """React to a failure of what :meth:`Exchange.open` began. The connection is closed, and nothing counted yet."""

    def on_timeout(self, connection: Connection, now_ns: int) -> None:
        """React to a connection that was closed since its request has waited too long. The request is counted."""

    def is_overdue(self, connection: Connection, now_ns: int) -> bool:
        """Check whether the request on the connection has waited too long."""

    @property
    def connections(self) -> Sequence[Connection]:
        """The connections that take part."""

    def select_overdue(self, connections: Sequence[Connection], now_ns: int) -> list[Connection]:
        """Return those of the connections that :meth:`maintain` has to be called for. Called a few times a second."""

    def maintain(self, connection: Connection, now_ns: int) -> None:
        """Open the connection if it should be open and is not, or give up a request that has waited too long on it."""

    def list_due_ns(self) -> list[int]:
        """Return when each request was due that was started and has not ended."""


class Exchange:
    """The engine of a loop: it opens connections, sends on them, and follows every response to its end."""

    def __init__(self, load: Load, stats: RequestStats, clock: LoopClock) -> None:
        self.epoll = select.epoll()
        self.by_fd: dict[int, Connection] = {}
        self._connector = Connector(load.target, load.seed, load.share.first)
        addresses = self._connector.local_addresses(load.share, load.connections)
        self.connections = [
            Connection(stats.groups[number % load.threads], address) for number, address in enumerate(addresses)
        ]
        self.first_read_bytes = DEFAULT_READ_BYTES
        self.timeout_ns = round(load.timeout_s * NS_PER_S)
        self.policy: Policy  # set by the loop, since each refers to the other
        self._stats = stats
        self._clock = clock
        self._keepalive = load.keepalive
        self._expect = load.expect
        self._no_connection = Connection(stats.groups[0])  # which is closed, whatever epoll reports of it
        self._deferred: dict[Connection, Callable[[Connection], None]] = {}  # each with the step that resumes it
        self._deferred_timer = self.new_timer()  # wakes the poll for them: epoll does not see what OpenSSL holds

    def new_timer(self) -> Timer:
        """Return a timer that wakes the poll, and does nothing else."""
        timer, entry = Timer(self.epoll), Connection(self._stats.groups[0])
        entry.state = TIMER
        self.by_fd[timer.fd] = entry
        return timer

    @property
    def open_by_port(self) -> dict[int, int]:
        """The number of open connections to each replica, by port; empty where there is one server."""
        return self._connector.open_by_port

    # Opening and closing ------------------------------------------------------------------------------------

    def open(self, connection: Connection) -> bool:
        """Begin to connect. Return False if that fails at once, in which case the policy is not called."""
        try:
            connection.attach(*self._connector.start_connect(connection.local_address))
        except OSError:
            return False
        self.by_fd[connection.fd] = connection
        self.epoll.register(connection.fd, READ_WRITE_EVENTS)
        return True

    def close(self, connection: Connection) -> None:
        """Close the connection without calling the policy. The request that was on it has been counted."""
        if self.by_fd.get(connection.fd) is connection:
            # An event of it may still follow in the batch that is served, since another connection's turn can end it.
            self.by_fd[connection.fd] = self._no_connection
        self._deferred.pop(connection, None)
        if connection.sock is not None:
            self._connector.end(connection.replica)
        connection.close()

    def _report_open(self, connection: Connection) -> None:
        if connection.is_resending:
            connection.is_resending = False
            self._send_request(connection)
        else:
            self.policy.on_open(connection, self._clock.now_ns())

    def _report_open_failure(self, connection: Connection) -> None:
        if connection.is_resending:
            self._fail_connect(connection)
        else:
            self.close(connection)
            self.policy.on_open_failure(connection, self._clock.now_ns())

    # Sending ------------------------------------------------------------------------------------------------

    def send(self, connection: Connection, request: EncodedRequest, due_ns: int, now_ns: int) -> None:
        """Send a request that was due at ``due_ns`` on an open connection that has none."""
        connection.request = request
        connection.due_ns, connection.sent_ns = due_ns, now_ns
        self._send_request(connection)

    def _send_request(self, connection: Connection) -> None:
        request = connection.request
        if connection.is_new or connection.is_chosen:
            connection.reader = self._stats.new_checking_reader(request.method)
            connection.is_chosen = False
        elif connection.tls:  # whose bytes can't be skipped unread
            connection.reader = self._stats.new_reader(request.method)
        self._send_bytes(connection, request.data)

    def _send_bytes(self, connection: Connection, data: bytes | memoryview) -> None:
        """Send the rest of the request."""
        try:
            sent = connection.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.handle_send_failure(connection)
            return
        if sent < len(data):
            self.defer_send(connection, memoryview(data)[sent:])
        else:
            connection.state = READING_RESPONSE if connection.reader else AWAITING_RESPONSE

    def defer_send(self, connection: Connection, unsent: memoryview) -> None:
        """Leave the rest of a request to be sent when there is room for it."""
        connection.unsent, before, connection.state = unsent, connection.state, SENDING_REQUEST
        if before not in WRITING_STATES:
            self.rearm(connection)

    # Something happened -------------------------------------------------------------------------------------

    def advance(self, connection: Connection, event: int) -> None:
        """Take the next step of a connection that is not on the quick path, whose event has come."""
        state = connection.state
        if state == CONNECTING:
            self._finish_connect(connection)
        elif state == HANDSHAKING:
            self._do_handshake(connection)
        elif state == SENDING_REQUEST:
            self._send_rest(connection)
        elif state == IDLE:
            self._check_idle(connection)
        elif state == READING_RESPONSE:
            self.read_more(connection)
        elif state == TIMER and self._deferred:
            self._resume_deferred()
        if (state in WRITING_STATES and connection.state != SENDING_REQUEST) or event > READINESS_EVENTS:
            self.rearm(connection)

    def rearm(self, connection: Connection) -> None:
        """Have epoll report once more what there is on the socket, now that something else is waited for."""
        if connection.state not in (CLOSED, CONNECTING, HANDSHAKING):
            self.epoll.modify(connection.fd, READ_WRITE_EVENTS if connection.state == SENDING_REQUEST else READ_EVENTS)

    def check_next_response(self, connection: Connection) -> None:
        """Have a response on the connection followed and checked: the awaited one if none of it has come, or else the
        next one."""
        if connection.state == AWAITING_RESPONSE:
            connection.reader, connection.state = (
                self._stats.new_checking_reader(connection.request.method),
                READING_RESPONSE,
            )
            return
        connection.is_chosen = True
        if connection.state > 0:  # or the quick path would send the next request without looking at is_chosen
            rest = ResponseReader.resume_body(connection.request.method, connection.head, connection.state)
            connection.reader, connection.state = rest, READING_RESPONSE

    def _finish_connect(self, connection: Connection) -> None:
        if connection.connect_error():
            self._report_open_failure(connection)
        elif self._connector.is_tls and connection.sock:
            try:
                connection.attach_tls(self._connector.wrap_tls(connection.sock))
            except OSError:  # reset since connect_error was called
                self._report_open_failure(connection)
                return
            self._do_handshake(connection)
        else:
            self._report_open(connection)

    def _do_handshake(self, connection: Connection) -> None:
        assert connection.tls is not None
        try:
            connection.tls.do_handshake()
        except BlockingIOError:
            return
        except OSError:
            self._report_open_failure(connection)
            return
        self._report_open(connection)

    def _check_idle(self, connection: Connection) -> None:
        """Close an idle connection on which something came: its end, which the peer may send, or unrequested bytes."""
        try:
            connection.recv(1)
        except BlockingIOError:
            return
        except OSError:
            pass
        self.close(connection)
        self.policy.on_close(connection, self._clock.now_ns())

    def _send_rest(self, connection: Connection) -> None:
        """Send more of a request, but read first: the peer may respond before it has read the whole request, or may
        stop reading until its response is taken."""
        sock = connection.sock
        self.read_more(connection)
        if connection.sock is sock:
            self._send_bytes(connection, connection.unsent)

    # Reading ------------------------------------------------------------------------------------------------

    def read_more(self, connection: Connection) -> None:
        """Read a response that is followed, until there is no more for now or the connection's turn is over."""
        sock = connection.sock
        for _ in range(MAX_READS):
            if connection.state not in READING_STATES:
                break
            piece_bytes = _piece_bytes(connection)
            try:
                data = connection.recv(piece_bytes)
            except BlockingIOError:
                return
            except OSError:
                self.handle_disconnect(connection)
                return
            self.receive_data(connection, data)
            if connection.sock is not sock or (data and len(data) < piece_bytes and not connection.tls):
                return
        if connection.state in READING_STATES:
            self._defer(connection, self.read_more)
        else:
            self.rearm(connection)

    def _defer(self, connection: Connection, step: Callable[[Connection], None]) -> None:
        """Take that step on the connection after the others have had their turn."""
        self._deferred[connection] = step
        self._deferred_timer.arm(1)  # ns after the machine was started, which is past: it fires at once

    def _resume_deferred(self) -> None:
        """Resume some of the connections whose turn was over before there was nothing more to read."""
        for connection in list(islice(self._deferred, MAX_RESUMED)):
            step = self._deferred.pop(connection)
            if connection.state in READING_STATES:
                step(connection)
        if self._deferred:
            self._deferred_timer.arm(1)

    def receive_data(self, connection: Connection, data: bytes) -> None:
        """Take the bytes that arrived; none mean that the peer has closed.

        The connection returns to the quick path as soon as only a body is left that can be skipped.
        """
        reader = connection.reader or self._stats.new_reader(connection.request.method)
        try:
            complete = reader.feed(data) if data else reader.end()
        except ProtocolError as error:
            self.fail_protocol(connection, str(error))
            return
        if complete and reader.head:
            self._complete_response(connection, reader, reader.head, data)
        elif not data:
            self.handle_disconnect(connection)
        elif connection.state == SENDING_REQUEST:
            connection.reader = reader
        elif (head := self._skippable_head(connection, reader)) is not None:
            connection.head, connection.state, connection.reader = head, reader.body_remaining, None
            connection.is_new = False
        else:
            connection.state, connection.reader = READING_RESPONSE, reader

    def _skippable_head(self, connection: Connection, reader: ResponseReader) -> Head | None:
        """Return the head of a response if only a body is to come that can be discarded unseen; None otherwise."""
        if reader.head is None or reader.inspects_body or connection.tls or not reader.has_no_interim:
            return None
        if connection.is_chosen:
            return None
        return self._stats.intern_head(reader.head, self.connections)

    def _complete_response(self, connection: Connection, reader: ResponseReader, head: Head, data: bytes) -> None:
        """Count a response that is complete, unless it came too late, and pass the connection on to the policy."""
        now_ns = self._clock.now_ns()
        if self.policy.is_overdue(connection, now_ns):
            self.time_out(connection, now_ns)
            return
        if self._is_idle_timeout_notice(connection, head):
            self._resend(connection)
            return
        self._stats.count_response(connection, reader, head, data, now_ns)
        was_sent = connection.state != SENDING_REQUEST
        connection.reader, connection.is_new = None, False
        if not (was_sent and head.keep_alive and self._keepalive) or head.body_kind is BodyKind.UNTIL_CLOSE:
            self.close(connection)
            self.policy.on_close(connection, now_ns)
            return
        self._stats.intern_head(head, self.connections)
        if self.first_read_bytes <= reader.received_bytes < MAX_FIRST_READ_BYTES:
            self.first_read_bytes = reader.received_bytes + 1  # so that next time one read takes it whole
        self.policy.on_response(connection, now_ns)

    def _is_idle_timeout_notice(self, connection: Connection, head: Head) -> bool:
        """Check whether the response only says that the server closes an idle connection (RFC 9110, section 15.5.9).

        Such a 408 was sent before the request arrived, and is no response to it, unless this status is expected.
        """
        is_notice = head.status == REQUEST_TIMEOUT and not head.keep_alive and not connection.is_new
        return is_notice and connection.request.is_idempotent and not self._expect.accepts_status(head.status)

    # The ways to fail, and time -----------------------------------------------------------------------------

    def handle_disconnect(self, connection: Connection) -> None:
        """Count and close a connection that has ended before its response was complete, or resend its request."""
        if connection.has_response:
            self._stats.counters.read += 1
        elif not connection.is_new:
            # It was used before, and the server closed it while the request was on its way: RFC 9112, section 9.3.1.
            if connection.request.is_idempotent:
                self._resend(connection)
                return
            self._stats.counters.stale += 1
        elif connection.state == SENDING_REQUEST:
            self._stats.counters.write += 1
        else:
            self._stats.counters.read += 1
        self._abandon(connection, self._clock.now_ns())

    def handle_send_failure(self, connection: Connection) -> None:
        """Read what the peer sent before the connection stopped taking the request, which may be a response."""
        sock, connection.state = connection.sock, SENDING_REQUEST
        for _ in range(MAX_READS):
            try:
                data = connection.recv(_piece_bytes(connection))
            except OSError:
                data = b""
            if not data:  # no end of a body, since the connection was not closed in order
                self.handle_disconnect(connection)
                return
            self.receive_data(connection, data)
            if connection.sock is not sock:
                return
        self._defer(connection, self.handle_send_failure)

    def _resend(self, connection: Connection) -> None:
        """Send the request once more, on a new connection. There it is the first request, which is never sent again."""
        self._stats.counters.reconnected += 1
        self.close(connection)
        connection.is_resending = True
        if not self.open(connection):
            self._fail_connect(connection)

    def _fail_connect(self, connection: Connection) -> None:
        """Count a request for which no connection could be opened."""
        self._stats.counters.connect += 1
        self._abandon(connection, self._clock.now_ns())

    def fail_protocol(self, connection: Connection, reason: str) -> None:
        """Count a response that is not HTTP/1.1, for this reason, and close the connection."""
        self._stats.counters.count_protocol_error(reason)
        self._abandon(connection, self._clock.now_ns())

    def time_out(self, connection: Connection, now_ns: int) -> None:
        """Count the request on the connection, which has waited too long, and close the connection."""
        self._stats.count_timeout(connection, now_ns)
        self.close(connection)
        self.policy.on_timeout(connection, now_ns)

    def _abandon(self, connection: Connection, now_ns: int) -> None:
        """Close the connection after its request has failed and is counted."""
        self._stats.count_failure(connection)
        self.close(connection)
        self.policy.on_close(connection, now_ns)


def _piece_bytes(connection: Connection) -> int:
    """Return how many bytes to read from the connection at once."""
    return connection.reader.piece_bytes if connection.reader else HEAD_PIECE_BYTES
