"""A check of the clocks: a measurement is void if the machine slept or its clock was set in the meantime.

CLOCK_MONOTONIC stops while the machine sleeps, CLOCK_BOOTTIME does not, and the wall clock may be set. So the
differences between these clocks show what happened (clock_gettime(2)).
"""

import time
from dataclasses import dataclass
from typing import Final, Self

MAX_DRIFT_S: Final = 0.5  # daemons that discipline the clock stay far below it


@dataclass(frozen=True)
class Clocks:
    """The three clocks at one moment (seconds)."""

    monotonic_s: float
    boot_s: float
    wall_s: float

    @classmethod
    def now(cls) -> Self:
        """Read the clocks of this machine."""
        return cls(time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME), time.time())

    def jump_since(self, before: Self) -> str | None:
        """Return in words if the machine slept or its clock was set since ``before``; None when neither happened."""
        slept_s = (self.boot_s - before.boot_s) - (self.monotonic_s - before.monotonic_s)
        if slept_s > MAX_DRIFT_S:
            return f"the machine slept for {slept_s:.1f} s"
        set_s = (self.wall_s - before.wall_s) - (self.boot_s - before.boot_s)
        if abs(set_s) > MAX_DRIFT_S:
            return f"the clock was set {'forward' if set_s > 0 else 'back'} by {abs(set_s):.1f} s"
        return None
