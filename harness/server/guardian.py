"""The guardian: a small process between harness and server, so that no server outlives its trial.

It starts the server in a session of its own and adopts whatever the server leaves behind (it is a "child
subreaper", prctl(2)). Told to stop, or when the harness has gone, however that happened, it ends them all.
Run as ``python guardian.py FD``: takes one JSON object from the pipe, answers with one per event.
"""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from multiprocessing.connection import Connection, wait
from typing import Any, Final

import psutil

PR_SET_CHILD_SUBREAPER: Final = 36  # prctl(2)
POLL_S: Final = 0.01
LOOK_S: Final = 0.1  # at the log
KILL_S: Final = 10.0  # processes that survive SIGKILL this long hang in the kernel


def main(fd: int) -> None:
    """Start the server that the first message describes, and stop it when the second comes or the pipe ends."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, lambda _signum, _frame: None)  # not SIG_IGN, which the server would inherit
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    harness = Connection(fd)
    order = json.loads(harness.recv_bytes())
    try:
        server = _start(order)
    except (OSError, ValueError) as error:  # ValueError: a NUL in a word or in the environment
        _tell(harness, error=f"{order['command'][0]}: {getattr(error, 'strerror', None) or error}")
        return
    _tell(harness, pid=server.pid)
    exited = os.pidfd_open(server.pid)
    if exited in _wait([harness, exited], order):
        _tell(harness, exited=server.wait())
        _wait([harness], order)
    killed = _stop(server, order["grace_s"]) + _kill_descendants()
    if order["folder"] is not None:
        shutil.rmtree(order["folder"], ignore_errors=True)
    _tell(harness, killed=killed, exited=server.returncode)


def _wait(for_any: list[Connection | int], order: dict[str, Any]) -> list[Any]:
    """Until one of them is ready; meanwhile the log is kept from filling the disk."""
    while not (ready := wait(for_any, LOOK_S)):
        _bound_log(order["log"], order["most_log_bytes"])
    return ready


def _bound_log(log: str, most_bytes: int) -> None:
    """Drop what was written so far when it is too much; the server, which appends, goes on at the new end."""
    with contextlib.suppress(OSError):  # a log that can't be looked at is not a reason to leave the server alone
        if (size := os.stat(log).st_size) > most_bytes:
            os.truncate(log, 0)
            with open(log, "ab") as file:
                file.write(f"harness: {size:,} bytes of this log were dropped\n".encode())


def _start(order: dict[str, Any]) -> "subprocess.Popen[bytes]":
    with open(order["log"], "ab") as log:
        return subprocess.Popen(
            order["command"],
            env=order["env"],
            cwd=order["cwd"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _stop(server: "subprocess.Popen[bytes]", grace_s: float) -> int:
    """Ask the launched process to end, and end it when it does not; return whether it had to be killed."""
    server.terminate()
    try:
        server.wait(grace_s)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
        return 1
    return 0


def _kill_descendants() -> int:
    """End everything that descends from this process; return how many had to be killed."""
    me, killed = psutil.Process(), set()
    deadline_s = time.monotonic() + KILL_S
    while time.monotonic() < deadline_s:
        for process in me.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.status() != psutil.STATUS_ZOMBIE:
                    process.kill()
                    killed.add(process)
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:  # none is left
            break
        time.sleep(POLL_S)
    return len(killed)


def _tell(harness: Connection, **event: object) -> None:
    with contextlib.suppress(OSError):  # the harness may have gone; the work goes on
        harness.send_bytes(json.dumps(event).encode())


if __name__ == "__main__":
    main(int(sys.argv[1]))
