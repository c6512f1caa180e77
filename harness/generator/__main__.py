"""One process of the generator: ``python -m harness.generator FD PARENT``.

It takes a Load from the pipe, says Ready, takes Begin, and tells events, its Part last; whatever comes after Begin
asks it to stop. So does its lease, when the process that started it has been stopped for too long.
"""

import contextlib
import ctypes
import gc
import os
import resource
import signal
import sys
from multiprocessing.connection import Connection
from typing import Final

from pydantic import BaseModel

from harness.generator.loop import LoadLoop
from harness.generator.messages import Begin, GeneratorReady
from harness.load.spec import Load
from harness.machine.lease import Lease

PR_SET_PDEATHSIG: Final = 1  # prctl(2)
LOOK_S: Final = 1.0  # at the lease, while there is nothing to do


def main(fd: int, parent_pid: int) -> None:
    """Run one load and send its events; a failure to begin is told on stderr with exit code 1."""
    _die_with(parent_pid)
    _allow_all_descriptors()
    pipe, lease = Connection(fd), Lease()

    def take() -> bytes:
        while not pipe.poll(LOOK_S):
            if lease.has_run_out():
                sys.exit("the process that started the generator was stopped")
        return pipe.recv_bytes()

    def tell(event: BaseModel) -> None:
        pipe.send_bytes(event.model_dump_json().encode())

    with contextlib.suppress(BrokenPipeError, EOFError):  # whoever asked has gone
        loop = LoadLoop(Load.model_validate_json(take()), tell, lambda: pipe.poll() or lease.has_run_out())
        _stop_collecting()
        tell(GeneratorReady())
        tell(loop.run(Begin.model_validate_json(take()).at_ns))


def _die_with(parent_pid: int) -> None:
    """Have the kernel end this process when its parent ends, however that happens."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        sys.exit("the process that started the generator has gone")


def _stop_collecting() -> None:
    """Leave the garbage be: a collection would hold up the loop, which makes no reference cycles."""
    gc.collect()
    gc.freeze()
    gc.disable()


def _allow_all_descriptors() -> None:
    """Use what the system allows; the usual limit of 1,024 is there for programs that call select(2)."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]))
    except OSError as error:
        sys.exit(f"{error.strerror or error}")
