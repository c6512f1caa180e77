"""The clock of a load loop, which stands still while others have their turn."""

import sys
import time
from typing import Final

NEVER_NS: Final = sys.maxsize


class LoopClock:
    """The system's monotonic clock, less the ``paused_ns`` for which it stood still. It stands still from ``stops_ns``
    (its own time) until it is told to go on."""

    __slots__ = ("paused_ns", "stops_ns")

    def __init__(self) -> None:
        self.paused_ns = 0
        self.stops_ns = NEVER_NS

    def now_ns(self) -> int:
        """Return the present time."""
        return min(time.monotonic_ns() - self.paused_ns, self.stops_ns)

    def stop(self) -> None:
        """Stand still from now on."""
        self.stops_ns = self.now_ns()

    def go_on(self, begin_ns: int, end_ns: int) -> None:
        """Run from one time of the system's clock to another, at which it stands still again."""
        self.paused_ns = begin_ns - self.stops_ns
        self.stops_ns += end_ns - begin_ns

    def run_free(self) -> None:
        """Stand still no more."""
        self.stops_ns = NEVER_NS

    def on_system_ns(self, at_ns: int) -> int:
        """Return a time of this clock, until which it runs, as one of the system's."""
        return at_ns + self.paused_ns
