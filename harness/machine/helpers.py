"""Processes that help the harness: no exchange with one, and no wait for its end, is without a limit."""

import contextlib
import os
import socket
import struct
import subprocess
from multiprocessing.connection import Connection
from typing import Final

EXCHANGE_S: Final = 20.0  # for one message, and for a helper to start, on a machine that is busy
END_S: Final = 10.0  # what survives SIGKILL for this long hangs in the kernel


def limit_exchanges(pipe: Connection, limit_s: float = EXCHANGE_S) -> None:
    """Have each read from this end of a socket pair, and each write, raise BlockingIOError after ``limit_s``: who is at
    the other end may be stopped in the midst of a message (SO_RCVTIMEO in socket(7))."""
    with socket.socket(fileno=os.dup(pipe.fileno())) as sock:
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", *divmod(round(limit_s * 1e6), 10**6)))


def end_process(process: "subprocess.Popen[bytes]", patience_s: float = 0.0) -> None:
    """Return when it has ended: by itself within ``patience_s``, or by SIGKILL. One that hangs in the kernel is left to
    that: it does nothing any more, and ends as soon as it is let go."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience_s)
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_S)
