"""A mark that a command and all that descends from it carry: by it they are found when nobody guards them any more.

It is their soft limit RLIMIT_RTTIME (getrlimit(2)). A child has its parent's, across exec(2) and setsid(2), and it
stays when a process clears its environment, overwrites that with a title, or is adopted: only one that sets this very
limit sheds it. It limits nothing: a number of microseconds, in over 100,000 years, of a scheduling that servers do not
use.
"""

import contextlib
import os
import resource
import secrets
import signal
import time
from typing import Final, Self

from harness.server.lineage import state_of

LEAST: Final = 1 << 62
MARKS: Final = 1 << 32
END_S: Final = 10.0  # processes that survive SIGKILL this long hang in the kernel
POLL_S: Final = 0.002


class ProcessMark:
    """One that no other process of this machine carries, until it is put on one."""

    def __init__(self, limit_us: int) -> None:
        self._limit_us = limit_us

    @classmethod
    def new(cls) -> Self:
        """Return one that was never used before."""
        return cls(LEAST + secrets.randbelow(MARKS))

    def put_on(self, pid: int) -> None:
        """Mark a process and all that it will start. Raises ProcessLookupError. Where somebody has set the hard limit,
        nothing that is higher can be set, and nothing is found."""
        _, hard = resource.prlimit(pid, resource.RLIMIT_RTTIME)
        if hard == resource.RLIM_INFINITY:
            resource.prlimit(pid, resource.RLIMIT_RTTIME, (self._limit_us, hard))

    def bearers(self) -> list[int]:
        """Return the processes that carry it and have not ended."""
        pids = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
        return [pid for pid in pids if self._is_on(pid) and state_of(pid) not in (b"", b"Z")]

    def end_all(self) -> int:
        """Kill them, and those that they start meanwhile; return how many that were."""
        killed, deadline_s = set[int](), time.monotonic() + END_S
        while (bearers := self.bearers()) and time.monotonic() < deadline_s:
            killed.update(pid for pid in bearers if self._kill(pid))
            time.sleep(POLL_S)
        return len(killed)

    def _kill(self, pid: int) -> bool:
        """Kill it, unless it has gone; whoever was given its pid since does not carry the mark."""
        with contextlib.suppress(ProcessLookupError):
            fd = os.pidfd_open(pid)
            try:
                if self._is_on(pid):
                    signal.pidfd_send_signal(fd, signal.SIGKILL)
                    return True
            finally:
                os.close(fd)
        return False

    def _is_on(self, pid: int) -> bool:
        try:
            return resource.prlimit(pid, resource.RLIMIT_RTTIME)[0] == self._limit_us
        except (ProcessLookupError, PermissionError):  # gone, or another user's
            return False
