"""The clock of a load loop, which stands still while another loop has its turn."""

import time


class Clock:
    """The system's monotonic clock, less the ``paused_ns`` for which the loop had to wait for its turns."""

    __slots__ = ("paused_ns",)

    def __init__(self) -> None:
        self.paused_ns = 0

    def now_ns(self) -> int:
        """Return the present time."""
        return time.monotonic_ns() - self.paused_ns

    def on_system_ns(self, at_ns: int) -> int:
        """Return a time of this clock, which is not to be paused before, as one of the system's."""
        return at_ns + self.paused_ns
