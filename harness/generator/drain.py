"""The end of a slice: every response on its way is taken, and no request follows it."""

from collections.abc import Sequence

from harness.generator.closed import ClosedLoop
from harness.generator.connection import CLOSED, IDLE, SENDING_REQUEST, Connection
from harness.generator.exchange import Exchange
from harness.generator.request_stats import RequestStats


class Drain:
    """The policy that leaves the connections of a closed loop idle, one after the other, as their responses come.

    The methods are those of :class:`.exchange.Policy`.
    """

    def __init__(self, exchange: Exchange, stats: RequestStats, closed: ClosedLoop) -> None:
        self._exchange = exchange
        self._stats = stats
        self._closed = closed

    def begin(self) -> None:
        """Have the exchange follow all that is in flight: the quick path sends the next request by itself."""
        for connection in self.connections:
            if connection.state == CLOSED:
                continue
            self._exchange.check_next_response(connection)
            connection.is_chosen = True  # so that the exchange keeps it, even if only a body is to come
            if connection.state == SENDING_REQUEST and connection.reader is None:
                connection.reader = self._stats.new_checking_reader(connection.request.method)

    def give_up(self) -> int:
        """Close the connections whose response has not come; return how many there are."""
        waiting = [connection for connection in self.connections if _is_waiting(connection)]
        for connection in waiting:
            self._exchange.close(connection)
        return len(waiting)

    @property
    def connections(self) -> Sequence[Connection]:
        """The connections of the closed loop."""
        return self._closed.connections

    def on_open(self, connection: Connection, now_ns: int) -> None:
        """Leave the connection open for the next slice."""
        connection.state = IDLE

    def on_response(self, connection: Connection, now_ns: int) -> None:
        """Leave the connection open for the next slice."""
        connection.state = IDLE

    def on_close(self, connection: Connection, now_ns: int) -> None:
        """Leave the connection closed until the next slice."""

    def on_open_failure(self, connection: Connection, now_ns: int) -> None:
        """Leave the connection closed until the next slice."""

    def on_timeout(self, connection: Connection, now_ns: int) -> None:
        """Leave the connection closed until the next slice."""

    def is_overdue(self, connection: Connection, now_ns: int) -> bool:
        """Check whether the request has timed out."""
        return self._closed.is_overdue(connection, now_ns)

    def select_overdue(self, connections: Sequence[Connection], now_ns: int) -> list[Connection]:
        """Return the connections whose request has waited too long."""
        return [each for each in connections if _is_waiting(each) and self.is_overdue(each, now_ns)]

    def maintain(self, connection: Connection, now_ns: int) -> None:
        """Give up a request that has waited too long."""
        if _is_waiting(connection) and self.is_overdue(connection, now_ns):
            self._exchange.time_out(connection, now_ns)

    def list_due_ns(self) -> list[int]:
        """Return when each request was due whose response is still to come."""
        return [connection.due_ns for connection in self.connections if _is_waiting(connection)]


def _is_waiting(connection: Connection) -> bool:
    """Check whether a response is still to come on the connection."""
    return connection.state not in (CLOSED, IDLE)
