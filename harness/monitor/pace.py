"""The pace of the cores: how long the same small piece of work takes on them, beside the server.

A core of a virtual machine is often half of a real one, and runs at little more than half its speed while somebody uses
the other half. No counter tells of that: the time is neither stolen nor waited for, and the CPU time of a request grows
with it. Only work whose amount is known does, so a probe does some, fifty times a second and a hundredth of the time.
"""

import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from harness.machine.helpers import end_process
from harness.monitor import pace_probe

READING: Final = struct.calcsize("q")
PIPE_BYTES: Final = 1 << 16


class Pace:
    """A probe on these cores in turn, from entering the context until leaving it."""

    def __init__(self, cpus: Sequence[int]) -> None:
        self._pipe, child = os.pipe()
        os.set_blocking(self._pipe, False)
        try:
            self._probe = subprocess.Popen(
                [sys.executable, "-I", "-S", pace_probe.__file__, ",".join(map(str, cpus))],
                stdin=subprocess.DEVNULL,
                stdout=child,
                start_new_session=True,  # Ctrl-C is the harness's business; without it, the probe ends by itself
            )
        finally:
            os.close(child)

    def readings_ns(self) -> list[int]:
        """The CPU time of every piece of work since the last call."""
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
