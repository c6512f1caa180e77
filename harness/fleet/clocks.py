"""The clock of another machine beside this one's: its offset, and how far off that may be.

Of several exchanges the one with the shortest round trip tells most: the other clock was read at some moment between
sending and receiving, so that half of the round trip bounds the error (F. Cristian, Probabilistic clock
synchronization, Distributed Computing 3, 1989).
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from harness.units import NS_PER_MS, NS_PER_S

EXCHANGES: Final = 20
MOST_BOUND_NS: Final = NS_PER_MS  # of an offset with which machines can begin together,
MOST_BOUND_SHARE: Final = 0.001  # and this part of the window more
MOST_DRIFT: Final = 1e-4  # of one clock against another: quartzes are good for half of it


@dataclass(frozen=True)
class ClockOffset:
    """The time by which another clock is ahead, give or take ``bound_ns``; and the shortest round trip."""

    offset_ns: int
    bound_ns: int
    round_trip_ns: int

    @classmethod
    def of(cls, exchanges: Iterable[tuple[int, int, int]]) -> Self:
        """Return the offset by exchanges (at least one): this clock as each was sent, the other clock as it was read
        there, and this clock as the answer came (ns)."""
        sent_ns, there_ns, came_ns = min(exchanges, key=lambda each: each[2] - each[0])
        trip_ns = came_ns - sent_ns
        return cls(there_ns - (sent_ns + came_ns) // 2, (trip_ns + 1) // 2, trip_ns)

    def agrees_with(self, later: Self, elapsed_s: float) -> bool:
        """Return whether both can be right, of clocks that went at nearly the same speed in between."""
        drift_ns = MOST_DRIFT * elapsed_s * NS_PER_S
        return abs(later.offset_ns - self.offset_ns) <= self.bound_ns + later.bound_ns + drift_ns


async def measure_clock(ask: Callable[[], Awaitable[Mapping[str, Any]]]) -> ClockOffset:
    """Return how far a clock is ahead of this one, by exchanges of which each has it asked for its time
    (``now_ns``)."""
    exchanges = []
    for _ in range(EXCHANGES):
        sent_ns = time.monotonic_ns()
        there_ns = int((await ask())["now_ns"])
        exchanges.append((sent_ns, there_ns, time.monotonic_ns()))
    return ClockOffset.of(exchanges)


def most_bound_ns(duration_s: float) -> float:
    """Return how far off an offset may be for a window of this duration."""
    return MOST_BOUND_NS + MOST_BOUND_SHARE * duration_s * NS_PER_S
