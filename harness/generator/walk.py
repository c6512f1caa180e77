"""Maintenance of all connections, a few at a time, so that serving goes on in between."""

from collections.abc import Iterator
from typing import Final

from harness.generator.clock import LoopClock
from harness.generator.connection import Connection
from harness.generator.exchange import Exchange
from harness.units import NS_PER_MS

SLICE_NS: Final = NS_PER_MS  # of work before serving has its turn
MAX_SELECTED: Final = 512  # connections looked at in one step, which takes 30 µs
SERVED_FOR_ONE: Final = 7  # times as long as a slice took, serving has its turn after it


class Walk:
    """A walk over every connection that takes part, which begins anew every ``period_ns``.

    ``due_ns`` is when the next slice is due. Where many connections need maintenance at once, as when all requests time
    out, serving still has seven eighths of the time. Otherwise, opening connections again would delay the others, and a
    server that shares the machine, until they time out too.
    """

    def __init__(self, exchange: Exchange, clock: LoopClock, period_ns: int) -> None:
        self.due_ns = 0
        self._exchange = exchange
        self._clock = clock
        self._period_ns = period_ns
        self._began_ns = 0
        self._at = 0
        self._in_need: Iterator[Connection] = iter(())

    def run_slice(self, now_ns: int) -> int:
        """Maintain connections for a slice of time, or to the end of the walk; return the time at the end (ns)."""
        begin_ns = now_ns
        while now_ns - begin_ns < SLICE_NS:
            is_over = not self._step(now_ns)
            now_ns = self._clock.now_ns()
            if is_over:
                self._at, self.due_ns = 0, max(now_ns, self._began_ns + self._period_ns)
                return now_ns
        self.due_ns = now_ns + SERVED_FOR_ONE * (now_ns - begin_ns)
        return now_ns

    def _step(self, now_ns: int) -> bool:
        """Maintain a connection, or select those of the next few that need it; return False at the end of the walk."""
        policy = self._exchange.policy
        connection = next(self._in_need, None)
        if connection is not None:
            policy.maintain(connection, now_ns)
            return True
        if self._at == 0:
            self._began_ns = now_ns
        some = policy.connections[self._at : self._at + MAX_SELECTED]
        self._at += len(some)
        self._in_need = iter(policy.select_overdue(some, now_ns))
        return len(some) > 0
