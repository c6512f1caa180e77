"""The speed of the cores: how long the same small piece of work takes on them, beside the server.

A core of a virtual machine is often one hardware thread of a real core. While the other thread is busy, it runs at
little more than half its speed. No counter shows that: the time is neither stolen nor waited for, and the CPU time of
each request grows. It shows only in work of a known amount. So a probe does such work two hundred times a second, which
takes about 1 % of the time: neighbours come for a twentieth of a second.
"""

import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from harness.machine.helpers import end_process
from harness.monitor import core_speed_probe

READING: Final = struct.calcsize("q")
PIPE_BYTES: Final = 1 << 16


class CoreSpeedProbe:
    """A probe process that works on these cores in turn, from entering the context until leaving it."""

    def __init__(self, cpus: Sequence[int]) -> None:
        self._pipe, child = os.pipe()
        os.set_blocking(self._pipe, False)
        try:
            self._probe = subprocess.Popen(
                [sys.executable, "-I", "-S", core_speed_probe.__file__, ",".join(map(str, cpus))],
                stdin=subprocess.DEVNULL,
                stdout=child,
                start_new_session=True,  # Ctrl-C is for the harness to handle; the probe ends by itself
            )
        finally:
            os.close(child)

    def readings_ns(self) -> list[int]:
        """Return the CPU time of every piece of work since the last call (ns)."""
        try:
            data = os.read(self._pipe, PIPE_BYTES)
        except BlockingIOError:
            return []
        return [ns for (ns,) in struct.iter_unpack("q", data[: len(data) // READING * READING])]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end_process(self._probe)
        os.close(self._pipe)
