"""The closed loop: each connection sends its next request straight after a response."""

from collections.abc import Iterator, Sequence

from harness.generator.connection import CLOSED, Connection
from harness.generator.exchange import Exchange
from harness.generator.request_stats import RequestStats
from harness.load.requests import EncodedRequest


class ClosedLoop:
    """Keeps a request under way on every connection that has been started. See :class:`.exchange.Policy`."""

    def __init__(self, exchange: Exchange, ledger: RequestStats, requests: Iterator[EncodedRequest]) -> None:
        self.connections: list[Connection] = []  # those that take part already
        self._exchange = exchange
        self._ledger = ledger
        self._requests = requests

    def start(self, connection: Connection, now_ns: int) -> None:
        """Begin a request on a new connection, opening which is a part of its latency."""
        self._ledger.tally.started += 1
        connection.due_ns = now_ns
        if not self._exchange.open(connection):
            self._ledger.tally.connect += 1  # tried again in its turn: a dead server is not to be hammered

    def opened(self, connection: Connection, now_ns: int) -> None:
        """Send the request for which the connection was opened."""
        self._exchange.send(connection, next(self._requests), connection.due_ns, now_ns)

    def answered(self, connection: Connection, now_ns: int) -> None:
        """Send the next one."""
        self._ledger.tally.started += 1
        self._exchange.send(connection, next(self._requests), now_ns, now_ns)

    def closed(self, connection: Connection, now_ns: int) -> None:
        """Go on with a new connection."""
        self.start(connection, now_ns)

    def not_opened(self, connection: Connection, now_ns: int) -> None:
        """Count it, and leave the connection to be looked after."""
        self._ledger.tally.connect += 1

    def timed_out(self, connection: Connection, now_ns: int) -> None:
        """Leave it to be looked after, in its turn: opened again at once by all whom an overloaded server keeps
        waiting, connections would keep it, and the generator, from everything else."""

    def is_overdue(self, connection: Connection, now_ns: int) -> bool:
        """The timeout counts from when the request was due: opening a connection for it is part of it."""
        return now_ns - connection.due_ns > self._exchange.timeout_ns

    def in_need(self, connections: Sequence[Connection], now_ns: int) -> list[Connection]:
        """Return those that are closed, and those whose request has waited too long."""
        overdue_ns = now_ns - self._exchange.timeout_ns
        return [each for each in connections if each.due_ns < overdue_ns or each.left == CLOSED]

    def look_after(self, connection: Connection, now_ns: int) -> None:
        """Give up what has waited too long, and start again what is closed."""
        if connection.left != CLOSED and self.is_overdue(connection, now_ns):
            self._exchange.time_out(connection, now_ns)
        if connection.left == CLOSED:
            self.start(connection, now_ns)

    def age_ns(self, now_ns: int) -> int:
        """How long the requests that are on their way have been, together (ns)."""
        return sum(now_ns - connection.due_ns for connection in self.connections if connection.left != CLOSED)

    @property
    def in_flight(self) -> int:
        """Requests that were started and have not ended."""
        return sum(connection.left != CLOSED for connection in self.connections)
