"""The lease of a helper process on the harness: it runs out when the harness has been stopped for too long.

That the harness has ended, its pipes and the kernel tell. That it was stopped (Ctrl-Z, SIGSTOP) nobody tells: its
helpers look at its state themselves, which costs the harness nothing, and which no harness fails that is only busy.
"""

import os
import time
from typing import Final

STOPPED_S: Final = 5.0  # as long as a server gets to stop: a slip of the fingers costs no more than the trial
UNSEEN_S: Final = 1.0  # the most that counts of a time in which nobody looked, since the helper was stopped too


def state_in(stat: bytes) -> bytes:
    """Return the state of a process, one letter, from its /proc/PID/stat (proc_pid_stat(5)): T is stopped by a signal.
    In a debugger it is t, as it is for a moment at each system call below strace."""
    return stat.rpartition(b")")[2].split()[0]


class Lease:
    """What the process that started this one grants as long as it runs. A look takes some 10 µs.

    The time is that of CLOCK_MONOTONIC, which stands still while the machine sleeps.
    """

    def __init__(self) -> None:
        self._stat = os.open(f"/proc/{os.getppid()}/stat", os.O_RDONLY)  # of that process, whoever gets its pid later
        self._looked_s = time.monotonic()
        self._stopped_s = 0.0

    def is_parent_stopped(self) -> bool:
        """Return whether it is stopped now."""
        try:
            return state_in(os.pread(self._stat, 512, 0)) == b"T"
        except ProcessLookupError:  # it has ended, which is told otherwise
            return False

    def has_run_out(self) -> bool:
        """Look; return whether it has been stopped for too long, without a break."""
        now_s = time.monotonic()
        passed_s = min(now_s - self._looked_s, UNSEEN_S)
        self._looked_s = now_s
        self._stopped_s = self._stopped_s + passed_s if self.is_parent_stopped() else 0.0
        return self._stopped_s > STOPPED_S
