"""The lease of a helper process on the harness: it runs out when the harness has been stopped for too long.

Helpers notice the end of the harness by their pipes. Nothing notifies them when it is stopped (Ctrl-Z, SIGSTOP), so
they read its state themselves. That costs the harness nothing, and a harness that is only busy keeps its lease.
"""

import ctypes
import os
import signal
import time
from typing import Final

STOPPED_S: Final = 5.0  # the time that a server gets to stop: an accidental Ctrl-Z costs at most the trial
UNSEEN_S: Final = 1.0  # the most that counts between two looks, since the helper may have been stopped too

PR_SET_PDEATHSIG: Final = 1  # prctl(2)


def end_with_parent(parent_pid: int) -> bool:
    """Have the kernel kill this process when its parent ends, however that happens; return whether the parent is still
    there."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    return os.getppid() == parent_pid


def state_in(stat: bytes) -> bytes:
    """Return the state of a process, one letter, from its /proc/PID/stat (proc_pid_stat(5)).

    T means stopped by a signal. A process in a debugger has t, also for a moment at each system call under strace.
    """
    return stat.rpartition(b")")[2].split()[0]


class Lease:
    """The lease of this process, which holds as long as its parent runs. A look takes about 10 µs.

    Times are those of CLOCK_MONOTONIC, which stops while the machine sleeps.
    """

    def __init__(self) -> None:
        self._stat = os.open(f"/proc/{os.getppid()}/stat", os.O_RDONLY)  # stays that of this process
        self._looked_s = time.monotonic()
        self._stopped_s = 0.0

    def is_parent_stopped(self) -> bool:
        """Return whether the parent is stopped now."""
        try:
            return state_in(os.pread(self._stat, 512, 0)) == b"T"
        except ProcessLookupError:  # it has ended, which the pipes show
            return False

    def has_run_out(self) -> bool:
        """Look, and return whether the parent has been stopped for too long without a break."""
        now_s = time.monotonic()
        passed_s = min(now_s - self._looked_s, UNSEEN_S)
        self._looked_s = now_s
        self._stopped_s = self._stopped_s + passed_s if self.is_parent_stopped() else 0.0
        return self._stopped_s > STOPPED_S
