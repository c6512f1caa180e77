"""Helper processes of the harness: every exchange with one, and every wait for its end, has a time limit."""

import contextlib
import os
import socket
import struct
import subprocess
from multiprocessing.connection import Connection
from typing import Final

EXCHANGE_S: Final = 20.0  # for one message, or for a helper to start, also on a busy machine
END_S: Final = 10.0  # what survives SIGKILL for this long hangs in the kernel


def limit_exchanges(pipe: Connection, limit_s: float = EXCHANGE_S) -> None:
    """Make each read and write at this end of a socket pair raise BlockingIOError after ``limit_s``.

    The process at the other end may be stopped in the middle of a message (SO_RCVTIMEO in socket(7)).
    """
    with socket.socket(fileno=os.dup(pipe.fileno())) as sock:
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", *divmod(round(limit_s * 1e6), 10**6)))


def end_process(process: "subprocess.Popen[bytes]", patience_s: float = 0.0) -> None:
    """Wait until the process has ended: by itself within ``patience_s``, or by SIGKILL.

    A process that hangs in the kernel is left there: it does nothing any more, and ends as soon as the kernel lets it.
    """
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience_s)
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_S)
