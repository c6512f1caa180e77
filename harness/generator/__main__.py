"""One process of the generator: ``python -m harness.generator FD PARENT``.

It receives a Load from the pipe, sends GeneratorReady, and receives orders. After Begin it sends events, the last of
which is a ProcessResult, and ends. After WarmUp and every Reopen it sends Paused, after every RunSlice and RunInTurns a
PartSlice. Whatever it receives in between asks it to stop. So does its lease, when the process that started it has been
stopped for too long.
"""

import contextlib
import gc
import resource
import sys
from multiprocessing.connection import Connection
from typing import Final

from pydantic import BaseModel

from harness.generator.messages import ORDERS, Begin, GeneratorReady, Reopen, RunInTurns, RunSlice, WarmUp
from harness.generator.sliced import SlicedLoop
from harness.load.spec import Load
from harness.machine.lease import Lease, end_with_parent

POLL_S: Final = 1.0  # between two checks of the lease, while it waits for a message


def main(fd: int, parent_pid: int) -> None:
    """Run one load and send its events. A failure to begin is printed on stderr, with exit code 1."""
    if not end_with_parent(parent_pid):
        sys.exit("the process that started the generator has gone")
    _allow_all_descriptors()
    pipe, lease = Connection(fd), Lease()

    def receive() -> bytes:
        while not pipe.poll(POLL_S):
            if lease.has_run_out():
                sys.exit("the process that started the generator was stopped")
        return pipe.recv_bytes()

    def send(event: BaseModel) -> None:
        pipe.send_bytes(event.model_dump_json().encode())

    with contextlib.suppress(BrokenPipeError, EOFError):  # the process that started this one has gone
        loop = SlicedLoop(Load.model_validate_json(receive()), send, lambda: pipe.poll() or lease.has_run_out())
        _disable_collection()
        send(GeneratorReady())
        while True:
            match ORDERS.validate_json(receive()):
                case Begin(at_ns=at_ns):
                    send(loop.run(at_ns))
                    return
                case WarmUp(at_ns=at_ns):
                    send(loop.warm_up(at_ns))
                case Reopen(at_ns=at_ns):
                    send(loop.reopen(at_ns))
                case RunSlice(at_ns=at_ns, duration_s=duration_s):
                    send(loop.run_slice(at_ns, duration_s))
                case RunInTurns(at_ns=at_ns, duration_s=duration_s, turns=turns, place=place):
                    send(loop.run_in_turns(at_ns, turns, place, duration_s))


def _disable_collection() -> None:
    """Disable the garbage collector: a collection would hold up the loop, which makes no reference cycles."""
    gc.collect()
    gc.freeze()
    gc.disable()


def _allow_all_descriptors() -> None:
    """Raise the limit of open files to what the system allows. The usual 1,024 is for programs that call select(2)."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]))
    except OSError as error:
        sys.exit(f"{error.strerror or error}")
