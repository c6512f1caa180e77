"""The speed of the cores: how long the same small piece of work takes on them, beside the server.

A core of a virtual machine is often one hardware thread of a real core. While the other thread is busy, it runs at
little more than half its speed. No counter shows that: the time is neither stolen nor waited for, and the CPU time of
each request grows. It shows only in work of a known amount. So a probe does such work three hundred times a second,
which takes some 3 % of one core: neighbours come and go within milliseconds.
"""

import contextlib
import fcntl
import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Final, NamedTuple, Self

from harness.machine.helpers import end_process
from harness.monitor import core_speed_probe

READING: Final = struct.Struct("iiq")
PIPE_BYTES: Final = 1 << 20  # a multiple of a reading's: what comes in some minutes, and what pipe(7) allows


class CoreReading(NamedTuple):
    """One piece of work: the core that did it, the CPU time that it took, and when it ended (monotonic clock)."""

    core: int
    cpu_ns: int
    at_ns: int = 0


class CoreSpeedProbe:
    """A probe process that works on these cores in turn, from entering the context until leaving it."""

    def __init__(self, cpus: Sequence[int]) -> None:
        self._pipe, child = os.pipe()
        os.set_blocking(self._pipe, False)
        with contextlib.suppress(PermissionError):  # the user has many pipes: this one holds some seconds
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        try:
            self._probe = subprocess.Popen(
                [sys.executable, "-I", "-S", core_speed_probe.__file__, ",".join(map(str, cpus))],
                stdin=subprocess.DEVNULL,
                stdout=child,
                start_new_session=True,  # Ctrl-C is for the harness to handle; the probe ends by itself
            )
        finally:
            os.close(child)

    def read(self) -> list[CoreReading]:
        """Return what was measured since the last call."""
        try:
            data = os.read(self._pipe, PIPE_BYTES)
        except BlockingIOError:
            return []
        whole = len(data) // READING.size * READING.size
        return [CoreReading(*fields) for fields in READING.iter_unpack(data[:whole])]

    def end(self) -> None:
        """Let it work no more. A probe that was only stopped would outlive a harness that is killed."""
        end_process(self._probe)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        os.close(self._pipe)
