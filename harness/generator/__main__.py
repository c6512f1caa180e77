"""The generator's own process: ``python -m harness.generator FD PARENT``.

It takes a Load from the pipe and tells events on it; whatever comes after the Load asks it to stop.
"""

import contextlib
import ctypes
import os
import signal
import sys
from multiprocessing.connection import Connection
from typing import Final

from harness.generator.load import Load
from harness.generator.loop import LoadLoop

PR_SET_PDEATHSIG: Final = 1  # prctl(2)


def main(fd: int, parent_pid: int) -> None:
    """Run one load and send its events, the result last; a failure to begin is told on stderr with exit code 1."""
    _die_with(parent_pid)
    pipe = Connection(fd)
    load = Load.model_validate_json(pipe.recv_bytes())
    loop = LoadLoop(load, lambda event: pipe.send_bytes(event.model_dump_json().encode()), pipe.poll)
    with contextlib.suppress(BrokenPipeError):  # whoever asked has gone
        pipe.send_bytes(loop.run().model_dump_json().encode())


def _die_with(parent_pid: int) -> None:
    """Have the kernel end this process when its parent ends, however that happens."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        sys.exit("the process that started the generator has gone")


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]))
    except OSError as error:
        sys.exit(f"{error.strerror or error}")
