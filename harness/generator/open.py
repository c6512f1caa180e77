"""The open loop: requests are due when the schedule says so, whatever the server does."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from harness.generator.connection import CLOSED, CONNECTING, IDLE, SHAKING_HANDS, Connection
from harness.generator.exchange import Exchange
from harness.generator.messages import PartOffered
from harness.generator.pacer import Pacer
from harness.generator.request_stats import RequestStats
from harness.load.requests import EncodedRequest

NEVER_NS: Final = 1 << 62
MOST_AT_ONCE: Final = 64


class OpenLoop:
    """Sends each request when it is due, on an idle connection, or on the first that becomes free.

    A request that finds none waits in line, oldest first, and connections are opened for those in line as long as
    there may be more of them. What it waits counts: latency runs from when it was due. ``times_ns`` are absolute.
    See :class:`.exchange.Policy`.
    """

    def __init__(
        self,
        exchange: Exchange,
        ledger: RequestStats,
        requests: Iterator[EncodedRequest],
        times_ns: Iterator[int],
        gap_ns: float,
        late_ns: float,
    ) -> None:
        self._exchange = exchange
        self._ledger = ledger
        self._requests = requests
        self._times_ns = times_ns
        self._late_ns = late_ns
        self._next_ns = next(times_ns, NEVER_NS)
        self._closed = list(exchange.connections)
        self._idle: deque[Connection] = deque()  # some may have been closed since
        self._waiting: deque[int] = deque()  # when each request in line was due
        self._opening = 0
        self._has_worked = False
        self._begun = self._late = self._queued = 0
        self.pacer = Pacer(exchange.new_alarm(), gap_ns)

    def dispatch(self) -> bool:
        """Begin every request that is due, or as many as leave time for others when there are too many.

        Returns whether there is time to rest, or for chores, before the next.
        """
        now_ns = time.monotonic_ns()
        self.pacer.back(now_ns, self._has_worked)
        self._has_worked = False
        for _ in range(MOST_AT_ONCE):
            if self._next_ns > now_ns:
                return self._next_ns == NEVER_NS or self.pacer.wait(self._next_ns, now_ns)
            self._begin(self._next_ns, now_ns)
            self._next_ns = next(self._times_ns, NEVER_NS)
            now_ns = time.monotonic_ns()
        return False

    def _begin(self, due_ns: int, now_ns: int) -> None:
        lag_ns = now_ns - due_ns
        self._begun += 1
        self._late += lag_ns > self._late_ns
        self._ledger.tally.started += 1
        self._ledger.window.send_lag.append(lag_ns)
        connection = self._free()
        if connection is not None:
            self._exchange.send(connection, next(self._requests), due_ns, now_ns)
        else:
            self._queued += 1
            self._waiting.append(due_ns)
            self._open_more()

    def _free(self) -> Connection | None:
        while self._idle:
            connection = self._idle.popleft()  # the one that has been idle longest, so that all are used alike
            if connection.left == IDLE:
                return connection
        return None

    def _open_more(self) -> None:
        while self._closed and self._opening < len(self._waiting):
            if self._exchange.open(self._closed[-1]):
                self._closed.pop().sent_ns = time.monotonic_ns()  # from when the attempt is counted against the timeout
                self._opening += 1
            else:
                self._fail_oldest()

    def _fail_oldest(self) -> None:
        if self._waiting:
            self._waiting.popleft()
            self._ledger.tally.connect += 1

    def opened(self, connection: Connection, now_ns: int) -> None:
        """Take the oldest request in line; it may have been served meanwhile."""
        self._opening -= 1
        self.answered(connection, now_ns)

    def answered(self, connection: Connection, now_ns: int) -> None:
        """Take the oldest request in line, or wait for the next that is due."""
        self._has_worked = True
        if self._waiting:
            self._exchange.send(connection, next(self._requests), self._waiting.popleft(), now_ns)
        else:
            connection.left = IDLE
            self._idle.append(connection)

    def closed(self, connection: Connection, now_ns: int) -> None:
        """Open it again only if it is needed."""
        self._has_worked = True
        self._closed.append(connection)
        self._open_more()

    def not_opened(self, connection: Connection, now_ns: int) -> None:
        """The request that has waited longest fails with it."""
        self._opening -= 1
        self._fail_oldest()
        self.closed(connection, now_ns)

    def timed_out(self, connection: Connection, now_ns: int) -> None:
        """Open it again only if it is needed: that is for those in line to say, one after another."""
        self.closed(connection, now_ns)

    def is_overdue(self, connection: Connection, now_ns: int) -> bool:
        """The timeout counts from when the request was sent: what it waited in line is no fault of the connection.

        Or an overloaded server would be sent requests that are about to be given up, and lose a connection with each.
        """
        return now_ns - connection.sent_ns > self._exchange.timeout_ns

    @property
    def connections(self) -> Sequence[Connection]:
        """All of them."""
        return self._exchange.connections

    def in_need(self, connections: Sequence[Connection], now_ns: int) -> list[Connection]:
        """Return those that have waited too long for an answer, or to be opened; give up who has in line."""
        timeout_ns = self._exchange.timeout_ns
        while self._waiting and now_ns - self._waiting[0] > timeout_ns:
            self._ledger.tally.timed_out += 1
            self._ledger.window.overdue.append(now_ns - self._waiting.popleft())
        return [each for each in connections if now_ns - each.sent_ns > timeout_ns and each.left not in (IDLE, CLOSED)]

    def look_after(self, connection: Connection, now_ns: int) -> None:
        """Give up what has waited too long."""
        if not self.is_overdue(connection, now_ns):
            return
        if connection.has_request:
            self._exchange.time_out(connection, now_ns)
        elif connection.left in (CONNECTING, SHAKING_HANDS):
            self._opening -= 1
            self._exchange.close(connection)
            self.closed(connection, now_ns)

    @property
    def in_flight(self) -> int:
        """Requests that were begun and have not ended."""
        return len(self._waiting) + sum(connection.has_request for connection in self._exchange.by_fd.values())

    def open_window(self) -> None:
        """Count from here on."""
        self._begun = self._late = self._queued = 0
        self.pacer.awake_ns = 0

    def offered(self, end_ns: int) -> PartOffered:
        """What was due since the window was opened, and what became of it. Once, at the end."""
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
            send_lag_histogram=self._ledger.window.lag.encode(),
        )
