"""Whether time ran on as it should: a machine that slept, or whose clock was set, measured something else.

CLOCK_MONOTONIC stands still while the machine sleeps, CLOCK_BOOTTIME does not, and the wall clock may be set: what one
of them gained on another tells (clock_gettime(2)).
"""

import time
from dataclasses import dataclass
from typing import Final, Self

MOST_GAINED_S: Final = 0.5  # daemons that discipline the clock stay far below it


@dataclass(frozen=True)
class Clocks:
    """All three at one moment (seconds)."""

    monotonic_s: float
    boot_s: float
    wall_s: float

    @classmethod
    def now(cls) -> Self:
        """Of this machine."""
        return cls(time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME), time.time())

    def jump_since(self, before: Self) -> str | None:
        """What went wrong with time since then, in words; None when nothing did."""
        slept_s = (self.boot_s - before.boot_s) - (self.monotonic_s - before.monotonic_s)
        if slept_s > MOST_GAINED_S:
            return f"the machine slept for {slept_s:.1f} s"
        set_s = (self.wall_s - before.wall_s) - (self.boot_s - before.boot_s)
        if abs(set_s) > MOST_GAINED_S:
            return f"the clock was set {'forward' if set_s > 0 else 'back'} by {abs(set_s):.1f} s"
        return None
