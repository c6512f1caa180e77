"""The closed loop: each connection sends its next request straight after a response."""

from collections.abc import Iterator

from harness.generator.connection import CLOSED, Connection
from harness.generator.exchange import Exchange
from harness.generator.ledger import Ledger
from harness.generator.request import Prepared


class ClosedLoop:
    """Keeps a request under way on every connection that has been started. See :class:`.exchange.Policy`."""

    def __init__(self, exchange: Exchange, ledger: Ledger, requests: Iterator[Prepared]) -> None:
        self.connections: list[Connection] = []  # those that take part already
        self._exchange = exchange
        self._ledger = ledger
        self._requests = requests

    def start(self, connection: Connection, now_ns: int) -> None:
        """Begin a request on a new connection, opening which is a part of its latency."""
        self._ledger.tally.started += 1
        connection.due_ns = now_ns
        if not self._exchange.open(connection):
            self._ledger.tally.connect += 1  # tried again by the chores: a dead server is not to be hammered

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
        """Count it, and leave the connection to the next chores."""
        self._ledger.tally.connect += 1

    def is_overdue(self, connection: Connection, now_ns: int) -> bool:
        """The timeout counts from when the request was due: opening a connection for it is part of it."""
        return now_ns - connection.due_ns > self._exchange.timeout_ns

    def do_chores(self, now_ns: int) -> None:
        """Start again what could not connect, and give up what has waited too long."""
        for connection in self.connections:
            if connection.left == CLOSED:
                self.start(connection, now_ns)
            elif self.is_overdue(connection, now_ns):
                self._exchange.time_out(connection, now_ns)

    @property
    def in_flight(self) -> int:
        """Requests that were started and have not ended."""
        return sum(connection.left != CLOSED for connection in self.connections)
