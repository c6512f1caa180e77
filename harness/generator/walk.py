"""Looking after all connections, a few at a time, so that serving goes on between them."""

import time
from collections.abc import Iterator
from typing import Final

from harness.generator.connection import Connection
from harness.generator.exchange import Exchange
from harness.units import NS_PER_MS

SLICE_NS: Final = NS_PER_MS  # of work between two looks at what is to be served
MOST_LOOKED_AT: Final = 512  # at once, which takes 30 µs
SERVED_FOR_ONE: Final = 7  # times as long as a slice took is served after it


class Walk:
    """Visits every connection that takes part, and begins anew every ``period_ns``. ``due_ns`` is when to go on.

    Where many need something at once, as when all requests time out, serving has seven eighths of the time: or opening
    the connections again would keep the others, and a server that shares the machine, waiting until they time out too.
    """

    def __init__(self, exchange: Exchange, period_ns: int) -> None:
        self.due_ns = 0
        self._exchange = exchange
        self._period_ns = period_ns
        self._began_ns = 0
        self._at = 0
        self._in_need: Iterator[Connection] = iter(())

    def go_on(self, now_ns: int) -> int:
        """Look after connections for a slice of time, or to the end of the walk; return the time then (ns)."""
        begin_ns = now_ns
        while now_ns - begin_ns < SLICE_NS:
            is_over = not self._step(now_ns)
            now_ns = time.monotonic_ns()
            if is_over:
                self._at, self.due_ns = 0, max(now_ns, self._began_ns + self._period_ns)
                return now_ns
        self.due_ns = now_ns + SERVED_FOR_ONE * (now_ns - begin_ns)
        return now_ns

    def _step(self, now_ns: int) -> bool:
        """Look after a connection in need, or see which of the next few are; False at the end of the walk."""
        policy = self._exchange.policy
        connection = next(self._in_need, None)
        if connection is not None:
            policy.look_after(connection, now_ns)
            return True
        if self._at == 0:
            self._began_ns = now_ns
        some = policy.connections[self._at : self._at + MOST_LOOKED_AT]
        self._at += len(some)
        self._in_need = iter(policy.in_need(some, now_ns))
        return len(some) > 0
