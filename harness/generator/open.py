"""The open loop: requests are due when the schedule says so, whatever the server does."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from harness.generator.connection import CLOSED, CONNECTING, HANDSHAKING, IDLE, Connection
from harness.generator.exchange import Exchange
from harness.generator.messages import PartOffered
from harness.generator.pacer import Pacer
from harness.generator.request_stats import RequestStats
from harness.load.requests import EncodedRequest

NEVER_NS: Final = 1 << 62
MAX_AT_ONCE: Final = 64


class OpenLoop:
    """The policy of an open loop: it sends each request when it is due, on an idle connection.

    A request that finds no idle connection waits in a queue, oldest first, for the first that becomes free. As long as
    the load allows more connections, they are opened for the requests in the queue. The wait counts: latency runs from
    when the request was due. ``times_ns`` are times of the monotonic clock. The methods are those of
    :class:`.exchange.Policy`.
    """

    def __init__(
        self,
        exchange: Exchange,
        stats: RequestStats,
        requests: Iterator[EncodedRequest],
        times_ns: Iterator[int],
        gap_ns: float,
        late_ns: float,
    ) -> None:
        self._exchange = exchange
        self._stats = stats
        self._requests = requests
        self._times_ns = times_ns
        self._late_ns = late_ns
        self._next_ns = next(times_ns, NEVER_NS)
        self._closed = list(exchange.connections)
        self._idle: deque[Connection] = deque()  # some may have been closed since they were added
        self._waiting: deque[int] = deque()  # when each request in the queue was due
        self._opening = 0
        self._has_worked = False
        self._begun = self._late = self._queued = 0
        self.pacer = Pacer(exchange.new_timer(), gap_ns)

    def dispatch(self) -> bool:
        """Begin every request that is due, or MAX_AT_ONCE of them, so that serving responses has its turn.

        Return whether there is time to sleep, or for housekeeping, before the next one.
        """
        now_ns = time.monotonic_ns()
        self.pacer.count_spin(now_ns, self._has_worked)
        self._has_worked = False
        for _ in range(MAX_AT_ONCE):
            if self._next_ns > now_ns:
                return self._next_ns == NEVER_NS or self.pacer.may_sleep(self._next_ns, now_ns)
            self._start_request(self._next_ns, now_ns)
            self._next_ns = next(self._times_ns, NEVER_NS)
            now_ns = time.monotonic_ns()
        return False

    def _start_request(self, due_ns: int, now_ns: int) -> None:
        lag_ns = now_ns - due_ns
        self._begun += 1
        self._late += lag_ns > self._late_ns
        self._stats.counters.started += 1
        self._stats.window.send_lag.append(lag_ns)
        connection = self._take_idle()
        if connection is not None:
            self._exchange.send(connection, next(self._requests), due_ns, now_ns)
        else:
            self._queued += 1
            self._waiting.append(due_ns)
            self._open_more()

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.popleft()  # the one that has been idle longest, so that all are used equally
            if connection.state == IDLE:
                return connection
        return None

    def _open_more(self) -> None:
        while self._closed and self._opening < len(self._waiting):
            if self._exchange.open(self._closed[-1]):
                self._closed.pop().sent_ns = time.monotonic_ns()  # the timeout runs from here
                self._opening += 1
            else:
                self._fail_oldest()

    def _fail_oldest(self) -> None:
        if self._waiting:
            self._waiting.popleft()
            self._stats.counters.connect += 1

    def on_open(self, connection: Connection, now_ns: int) -> None:
        """Send the oldest request in the queue, unless it was taken by another connection meanwhile."""
        self._opening -= 1
        self.on_response(connection, now_ns)

    def on_response(self, connection: Connection, now_ns: int) -> None:
        """Send the oldest request in the queue, or let the connection idle until the next is due."""
        self._has_worked = True
        if self._waiting:
            self._exchange.send(connection, next(self._requests), self._waiting.popleft(), now_ns)
        else:
            connection.state = IDLE
            self._idle.append(connection)

    def on_close(self, connection: Connection, now_ns: int) -> None:
        """Open the connection again only if the queue needs it."""
        self._has_worked = True
        self._closed.append(connection)
        self._open_more()

    def on_open_failure(self, connection: Connection, now_ns: int) -> None:
        """Fail the request that has waited longest."""
        self._opening -= 1
        self._fail_oldest()
        self.on_close(connection, now_ns)

    def on_timeout(self, connection: Connection, now_ns: int) -> None:
        """Open the connection again only if the queue needs it."""
        self.on_close(connection, now_ns)

    def is_overdue(self, connection: Connection, now_ns: int) -> bool:
        """Check whether the request has timed out. The timeout runs from when it was sent, not from when it was due.

        Otherwise an overloaded server would be sent requests that are about to be given up, and lose a connection with
        each of them.
        """
        return now_ns - connection.sent_ns > self._exchange.timeout_ns

    @property
    def connections(self) -> Sequence[Connection]:
        """The connections that take part: all, open or not."""
        return self._exchange.connections

    def select_overdue(self, connections: Sequence[Connection], now_ns: int) -> list[Connection]:
        """Return the connections that have waited too long for a response, or to be opened.

        Also give up the requests that have waited too long in the queue.
        """
        timeout_ns = self._exchange.timeout_ns
        while self._waiting and now_ns - self._waiting[0] > timeout_ns:
            self._stats.counters.timed_out += 1
            self._stats.window.overdue.append(now_ns - self._waiting.popleft())
        return [each for each in connections if now_ns - each.sent_ns > timeout_ns and each.state not in (IDLE, CLOSED)]

    def maintain(self, connection: Connection, now_ns: int) -> None:
        """Give up a request, or an attempt to connect, that has waited too long."""
        if not self.is_overdue(connection, now_ns):
            return
        if connection.has_request:
            self._exchange.time_out(connection, now_ns)
        elif connection.state in (CONNECTING, HANDSHAKING):
            self._opening -= 1
            self._exchange.close(connection)
            self.on_close(connection, now_ns)

    def list_due_ns(self) -> list[int]:
        """Return when each request was due that was begun and has not ended."""
        sent = [connection.due_ns for connection in self._exchange.by_fd.values() if connection.has_request]
        return [*self._waiting, *sent]

    def open_window(self) -> None:
        """Set the counts of the window to 0."""
        self._begun = self._late = self._queued = 0
        self.pacer.spin_ns = 0

    def count_offered(self, end_ns: int) -> PartOffered:
        """Return how many requests were due in the window, and how many of them were sent. Called once, at its end."""
        dropped = 0
        while self._next_ns < end_ns:
            dropped += 1
            self._next_ns = next(self._times_ns, NEVER_NS)
        return PartOffered(
            due=self._begun + dropped,
            begun=self._begun,
            dropped=dropped,
            late=self._late,
            queued=self._queued,
            send_lag_histogram=self._stats.window.lag.encode(),
        )
