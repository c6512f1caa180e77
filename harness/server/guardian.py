"""The guardian: a small process between harness and server, so that no server outlives its trial.

It starts the server in a session of its own and adopts whatever the server leaves behind (it is a "child
subreaper", prctl(2)). Told to stop, or when the harness has gone, however that happened, or was stopped for too long,
it ends them all. Run as ``python guardian.py FD``: takes one JSON object from the pipe, answers with one per event.
Then a word is an order: ``watch`` (for whoever is stopped), ``report`` (who was seen since), and ``stop``.
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

from harness.machine.lease import STOPPED_S, Lease
from harness.server.lineage import children_of, descendants_of, state_of

PR_SET_CHILD_SUBREAPER: Final = 36  # prctl(2)
POLL_S: Final = 0.002
DROPPED: Final = "bytes of this log were dropped"  # after how many, in the place of these
LOOK_S: Final = 0.1  # between two looks at the log, and at the processes at least
PAUSES: Final = 500  # as long as a look at the processes takes: it costs no more than that part of a core
MOST_PAUSE_S: Final = 0.5
UNWATCHED_S: Final = 1.0  # a busy machine holds the guardian up for less
KILL_S: Final = 10.0  # processes that survive SIGKILL this long hang in the kernel
KEPT_LOG_BYTES: Final = 4096


def main(fd: int) -> None:
    """Start the server that the first message describes, and end it when the harness says so or can't."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(signum, lambda _signum, _frame: None)  # not SIG_IGN, which the server would inherit
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    harness, lease = Connection(fd), Lease()
    try:
        order = json.loads(harness.recv_bytes())
    except (EOFError, ConnectionResetError):  # the harness has gone before it told anything
        return
    try:
        log = os.open(order["log"], os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        server = _start(order, log)
    except (OSError, ValueError) as error:  # ValueError: a NUL in a word or in the environment
        _tell(harness, error=f"{order['command'][0]}: {getattr(error, 'strerror', None) or error}")
        return
    _tell(harness, pid=server.pid)
    guard = Guard(harness, lease, server, log, order["most_log_bytes"])
    why = guard.keep()
    killed = guard.end(order["grace_s"])
    if order["folder"] is not None:
        shutil.rmtree(order["folder"], ignore_errors=True)
    _tell(harness, why=why, killed=killed, exited=server.returncode)


def _start(order: dict[str, Any], log: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        order["command"],
        env=order["env"],
        cwd=order["cwd"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def _tell(harness: Connection, **event: object) -> None:
    with contextlib.suppress(OSError):  # the harness may have gone; the work goes on
        harness.send_bytes(json.dumps(event).encode())


class Guard:
    """Over a server that was started, until it and all that descends from it have ended."""

    def __init__(
        self,
        harness: Connection,
        lease: Lease,
        server: "subprocess.Popen[bytes]",
        log: int,
        most_log_bytes: int,
    ) -> None:
        self._harness, self._lease, self._server = harness, lease, server
        self._log, self._most_log_bytes = log, most_log_bytes
        self._watch: Watch | None = None
        self._ended, ends = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)  # readable when a child has ended
        signal.set_wakeup_fd(ends, warn_on_full_buffer=False)

    def keep(self) -> str | None:
        """Keep the server until the harness says stop or has gone. Return why when it was for another reason."""
        is_told, look_at_s = False, time.monotonic()
        while True:
            ready = wait([self._harness, self._ended], max(0.0, look_at_s - time.monotonic()))
            self._reap()
            if self._server.returncode is not None and not is_told:
                _tell(self._harness, exited=self._server.returncode)
                is_told = True
            if time.monotonic() >= look_at_s:
                look_at_s = time.monotonic() + LOOK_S
                self._bound_log()
                if self._watch:
                    self._watch.look_if_due()
            if self._lease.has_run_out():
                return f"ended, since the harness had been stopped for {STOPPED_S:g} s (Ctrl-Z, SIGSTOP)"
            if self._harness in ready and not self._obey():
                return None

    def end(self, grace_s: float) -> int:
        """Ask the launched process to end, and end it when it does not, and all others; return how many had to be
        killed."""
        self._server.terminate()
        deadline_s = time.monotonic() + grace_s
        while self._server.returncode is None and (left_s := deadline_s - time.monotonic()) > 0:
            wait([self._ended], min(left_s, LOOK_S))
            self._reap()
            self._bound_log()
        return self._kill_children()

    def _kill_children(self) -> int:
        """Until there is none. Those whose parents end become our own, and the pid of a child of ours is nobody else's
        until we have waited for it: no stranger is hit, and a generation that forks and ends is met by a fast look."""
        killed, deadline_s = set[int](), time.monotonic() + KILL_S
        while self._reap() and time.monotonic() < deadline_s:
            for pid in children_of(os.getpid()):
                if state_of(pid) != b"Z":
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
            self._bound_log()
            time.sleep(POLL_S)
        self._bound_log()
        return len(killed)

    def _obey(self) -> bool:
        """Do what the harness says; return whether to go on."""
        try:
            word = self._harness.recv_bytes()
        except (EOFError, ConnectionResetError):
            return False
        if word == b"watch":
            self._watch = Watch(self._lease)
        if self._watch and word != b"stop":
            self._watch.look()
            _tell(self._harness, stopped_s=self._watch.stopped_s)
        return word != b"stop"

    def _reap(self) -> bool:
        """Take over the accounts of all children that have ended, adopted ones too; return whether others are left."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._ended, 4096)
        try:
            while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if found.si_pid == self._server.pid:
                    self._server.wait()  # which notes how
                else:
                    os.waitpid(found.si_pid, 0)
        except ChildProcessError:
            return False
        return True

    def _bound_log(self) -> None:
        """Drop what was written so far, but for the last of it, when it is too much. The server, which appends, goes on
        at the new end. By descriptor: a file that was put in its place is not ours to cut."""
        with contextlib.suppress(OSError):  # a log that can't be looked at is not a reason to leave the server alone
            if (size := os.fstat(self._log).st_size) > self._most_log_bytes:
                last = os.pread(self._log, KEPT_LOG_BYTES, size - KEPT_LOG_BYTES)
                os.ftruncate(self._log, 0)
                os.write(self._log, f"harness: {size - len(last):,} {DROPPED}\n".encode() + last)


class Watch:
    """Who was seen stopped since it began, by process id, and for about how long: the harness, processes of the
    server, or the guardian itself, which then saw nobody."""

    def __init__(self, lease: Lease) -> None:
        self.stopped_s: dict[int, float] = {}
        self._lease = lease
        self._looked_s = self._due_s = time.monotonic()

    def look_if_due(self) -> None:
        """Look as often as costs next to nothing."""
        if time.monotonic() >= self._due_s:
            began_s = time.thread_time()
            self.look()
            self._due_s = self._looked_s + min(PAUSES * (time.thread_time() - began_s), MOST_PAUSE_S)

    def look(self) -> None:
        """Note whoever is stopped now, as stopped since the last look."""
        now_s = time.monotonic()
        passed_s, self._looked_s = now_s - self._looked_s, now_s
        if passed_s > UNWATCHED_S:
            self._add(os.getpid(), passed_s)
        if self._lease.is_parent_stopped():
            self._add(os.getppid(), passed_s)
        for pid in descendants_of(os.getpid()):
            if state_of(pid) == b"T":
                self._add(pid, passed_s)

    def _add(self, pid: int, passed_s: float) -> None:
        self.stopped_s[pid] = self.stopped_s.get(pid, 0.0) + passed_s


if __name__ == "__main__":
    main(int(sys.argv[1]))
