"""The closed loop: each connection sends its next request straight after a response."""

from collections.abc import Iterator, Sequence

from harness.generator.connection import CLOSED, Connection
from harness.generator.exchange import Exchange
from harness.generator.request_stats import RequestStats
from harness.load.requests import EncodedRequest


class ClosedLoop:
    """The policy of a closed loop: it keeps a request in flight on every connection that has been started.

    The methods are those of :class:`.exchange.Policy`.
    """

    def __init__(self, exchange: Exchange, stats: RequestStats, requests: Iterator[EncodedRequest]) -> None:
        self.connections: list[Connection] = []  # those that have been started
        self._exchange = exchange
        self._stats = stats
        self._requests = requests

    def add(self, connection: Connection, now_ns: int) -> None:
        """Have a closed connection take part from now on, and begin a request on it."""
        self.connections.append(connection)
        self.start(connection, now_ns)

    def remove_closed(self) -> list[Connection]:
        """Return the closed connections, which take part no more until they are added again."""
        closed = [connection for connection in self.connections if connection.state == CLOSED]
        self.connections = [connection for connection in self.connections if connection.state != CLOSED]
        return closed

    def resume(self, now_ns: int) -> None:
        """Send a request on every connection, all of which are idle."""
        for connection in self.connections:
            self.on_response(connection, now_ns)

    def start(self, connection: Connection, now_ns: int) -> None:
        """Begin a request on a new connection. Opening the connection is a part of its latency."""
        self._stats.counters.started += 1
        connection.due_ns = now_ns
        if not self._exchange.open(connection):
            self._stats.counters.connect += 1  # tried again in its turn, so as not to flood a dead server

    def on_open(self, connection: Connection, now_ns: int) -> None:
        """Send the request for which the connection was opened."""
        self._exchange.send(connection, next(self._requests), connection.due_ns, now_ns)

    def on_response(self, connection: Connection, now_ns: int) -> None:
        """Send the next request."""
        self._stats.counters.started += 1
        self._exchange.send(connection, next(self._requests), now_ns, now_ns)

    def on_close(self, connection: Connection, now_ns: int) -> None:
        """Begin the next request on a new connection."""
        self.start(connection, now_ns)

    def on_open_failure(self, connection: Connection, now_ns: int) -> None:
        """Count the request as failed, and leave the connection to :meth:`maintain`."""
        self._stats.counters.connect += 1

    def on_timeout(self, connection: Connection, now_ns: int) -> None:
        """Leave the connection to :meth:`maintain`, which opens it again in its turn.

        If all that an overloaded server keeps waiting were opened again at once, server and generator would have no
        time for anything else.
        """

    def is_overdue(self, connection: Connection, now_ns: int) -> bool:
        """Check whether the request has timed out. The timeout runs from when it was due, and includes connecting."""
        return now_ns - connection.due_ns > self._exchange.timeout_ns

    def select_overdue(self, connections: Sequence[Connection], now_ns: int) -> list[Connection]:
        """Return the connections that are closed, and those whose request has waited too long."""
        overdue_ns = now_ns - self._exchange.timeout_ns
        return [each for each in connections if each.due_ns < overdue_ns or each.state == CLOSED]

    def maintain(self, connection: Connection, now_ns: int) -> None:
        """Give up a request that has waited too long, and start again a connection that is closed."""
        if connection.state != CLOSED and self.is_overdue(connection, now_ns):
            self._exchange.time_out(connection, now_ns)
        if connection.state == CLOSED:
            self.start(connection, now_ns)

    def age_ns(self, now_ns: int) -> int:
        """Return for how long the requests in flight have been so, added up (ns)."""
        return sum(now_ns - due_ns for due_ns in self.list_due_ns())

    def list_due_ns(self) -> list[int]:
        """Return when each request was due that was started and has not ended."""
        return [connection.due_ns for connection in self.connections if connection.state != CLOSED]
