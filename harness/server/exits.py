"""Exit statuses of processes that are not our children.

The kernel reports an exit status to the parent alone (wait(2)). But that of a zombie is in /proc, and from Linux 6.15
on a pidfd has that of a process that was waited for.
"""

import contextlib
import fcntl
import os
import signal
import struct
from pathlib import Path
from typing import Final

# PIDFD_GET_INFO of linux/pidfd.h: the state of a process that has been waited for, from Linux 6.15 on.
_GET_INFO: Final = 0xC040FF0B  # _IOWR(0xFF, 11, 64 bytes)
_INFO: Final = struct.Struct("=QQ11Ii")  # mask, cgroup, ids of process and user, wait status
_EXIT: Final = 1 << 3

_ZOMBIE: Final = "Z"

# The signals by which a process is asked to end. Any other signal that ends one is a sign of a failure.
EXPECTED_SIGNALS: Final = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2}
_SHELL: Final = 128  # a handler that exits after a signal often adds this to its number, as shells do


class ExitWatch:
    """A watch on one process, which has to begin before the process ends."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._fd: int | None = None
        with contextlib.suppress(ProcessLookupError):
            self._fd = os.pidfd_open(pid)

    def status(self) -> int | None:
        """Return the exit status, negative for a signal; None while it lives, or if the kernel does not report it."""
        if self._fd is None:
            return None
        wait_status = self._read_zombie_status()
        if wait_status is None:
            wait_status = self._read_reaped_status(self._fd)
        return None if wait_status is None else os.waitstatus_to_exitcode(wait_status)

    def _read_zombie_status(self) -> int | None:
        """Return the wait status of a zombie: the last field of its stat file (proc_pid_stat(5)). Else None."""
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{self._pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            if fields[0] == _ZOMBIE:
                return int(fields[-1])
        return None

    @staticmethod
    def _read_reaped_status(fd: int) -> int | None:
        """Return the wait status of a process that its parent has waited for; None if the kernel does not have it."""
        info = bytearray(_INFO.pack(_EXIT, *[0] * 13))
        try:
            fcntl.ioctl(fd, _GET_INFO, info)
        except OSError:  # ESRCH: ended, and the status was not kept; ENOTTY: not supported
            return None
        mask, *_, wait_status = _INFO.unpack(info)
        return int(wait_status) if mask & _EXIT else None

    def close(self) -> None:
        """Close the descriptor."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def is_expected_exit(status: int) -> bool:
    """Return whether the status means a normal end: the process was asked to end, or its work was done."""
    return status == 0 or -status in EXPECTED_SIGNALS or status - _SHELL in EXPECTED_SIGNALS


def describe_exit(status: int | None) -> str:
    """Return the exit status in words."""
    if status is None:
        return "not told by this kernel (Linux 6.15 does)"
    if status >= 0:
        return f"exit status {status}"
    known = {each.value: each.name for each in signal.Signals}
    return known.get(-status, f"signal {-status}")
