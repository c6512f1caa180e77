"""A mark on a command and all its descendants, by which they are found when their guardian was killed.

The mark is the soft limit RLIMIT_RTTIME (getrlimit(2)). A child inherits it, across exec(2) and setsid(2). It stays
when a process clears its environment, overwrites that with a title, or is adopted; only a process that sets this very
limit loses it. It limits nothing: the value is over 100,000 years, in microseconds, and the limit applies to real-time
scheduling, which servers do not use.
"""

import contextlib
import os
import resource
import secrets
import signal
import time
from typing import Final, Self

from harness.server.lineage import state_of

MIN_LIMIT_US: Final = 1 << 62
MARK_COUNT: Final = 1 << 32
END_S: Final = 10.0  # processes that survive SIGKILL this long hang in the kernel
POLL_S: Final = 0.002


class ProcessMark:
    """A mark, carried by no process until it is put on one."""

    def __init__(self, limit_us: int) -> None:
        self._limit_us = limit_us

    @classmethod
    def new(cls) -> Self:
        """Return a new random mark."""
        return cls(MIN_LIMIT_US + secrets.randbelow(MARK_COUNT))

    def put_on(self, pid: int) -> None:
        """Mark a process and all that it will start.

        Where somebody has set the hard limit, no mark can be set, and no process will be found. Raises
        ProcessLookupError when the process has ended.
        """
        _, hard = resource.prlimit(pid, resource.RLIMIT_RTTIME)
        if hard == resource.RLIM_INFINITY:
            resource.prlimit(pid, resource.RLIMIT_RTTIME, (self._limit_us, hard))

    def find_marked_pids(self) -> list[int]:
        """Return the pids of the processes that carry the mark and have not ended."""
        pids = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
        return [pid for pid in pids if self._is_on(pid) and state_of(pid) not in (b"", b"Z")]

    def kill_all(self) -> int:
        """Kill the marked processes and those that they start meanwhile; return how many were killed."""
        killed, deadline_s = set[int](), time.monotonic() + END_S
        while (marked := self.find_marked_pids()) and time.monotonic() < deadline_s:
            killed.update(pid for pid in marked if self._kill(pid))
            time.sleep(POLL_S)
        return len(killed)

    def _kill(self, pid: int) -> bool:
        """Kill the process and return True, unless it has ended. A process that got the same pid since has no mark."""
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
