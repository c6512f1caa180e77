"""How processes that are not our children ended, which their parents alone are told: asked of the kernel by pidfd."""

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

# What a process is sent when it is to end; any other signal ends one that went wrong.
ASKED: Final = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2}
_SHELL: Final = 128  # what a handler of a signal adds to it to make an exit status, as shells do


class ExitWatch:
    """One process, watched from before it ends."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._fd: int | None = None
        with contextlib.suppress(ProcessLookupError):
            self._fd = os.pidfd_open(pid)

    def status(self) -> int | None:
        """Return the exit status, negative for a signal; None while it lives, and where the kernel does not tell."""
        if self._fd is None:
            return None
        wait_status = self._of_zombie()
        if wait_status is None:
            wait_status = self._of_reaped(self._fd)
        return None if wait_status is None else os.waitstatus_to_exitcode(wait_status)

    def _of_zombie(self) -> int | None:
        """Until its parent has waited for it, by the last field of its state (proc_pid_stat(5))."""
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{self._pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            if fields[0] == _ZOMBIE:
                return int(fields[-1])
        return None

    @staticmethod
    def _of_reaped(fd: int) -> int | None:
        info = bytearray(_INFO.pack(_EXIT, *[0] * 13))
        try:
            fcntl.ioctl(fd, _GET_INFO, info)
        except OSError:  # ESRCH where it has ended and the kernel does not keep how, ENOTTY where it can't be asked
            return None
        mask, *_, wait_status = _INFO.unpack(info)
        return int(wait_status) if mask & _EXIT else None

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def was_asked(status: int) -> bool:
    """Whether a process that ended so did what it was asked to, or had come to the end of its work."""
    return status == 0 or -status in ASKED or status - _SHELL in ASKED


def exit_text(status: int | None) -> str:
    """Return how a process ended, in words."""
    if status is None:
        return "not told by this kernel (Linux 6.15 does)"
    if status >= 0:
        return f"exit status {status}"
    known = {each.value: each.name for each in signal.Signals}
    return known.get(-status, f"signal {-status}")
