"""The guardian: a small process between harness and server, so that no server outlives its trial.

It starts the server and adopts the processes that the server leaves behind: it is a "child
subreaper" (prctl(2)). It ends them all on the order to stop, when the harness has ended for whatever reason, or when
the harness was stopped for too long.

It runs as ``python guardian.py FD``. The first message from the pipe is a JSON object that describes the server: one
command or several, which are started in their order, each in a session of its own. The guardian sends one JSON object
for each event. Every later message is an order: ``watch`` (begin to watch for stopped processes), ``report`` (send
which were seen stopped), or ``stop``.
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
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, Final

from harness.machine.lease import STOPPED_S, Lease
from harness.machine.membership import join_group, leave_group
from harness.server.lineage import children_of, descendants_of, state_of

PR_SET_CHILD_SUBREAPER: Final = 36  # prctl(2)
POLL_S: Final = 0.002
DROPPED: Final = "bytes of this log were dropped"  # follows their number, and replaces them in the log
LOOK_S: Final = 0.1  # between two looks at the log; the least between two at the processes
PAUSE_FACTOR: Final = 500  # a pause is so many times the CPU time of a look, so that looks cost little
MAX_PAUSE_S: Final = 0.5
UNWATCHED_S: Final = 1.0  # a longer gap between two looks means that the guardian itself was stopped
KILL_S: Final = 10.0  # processes that survive SIGKILL this long hang in the kernel
KEPT_LOG_BYTES: Final = 4096
REMOVAL_S: Final = 5.0  # for a command that removes what is left


def main(fd: int) -> None:
    """Start the server that the first message describes. End it on the order of the harness, or when that has ended."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, lambda _signum, _frame: None)  # not SIG_IGN, which the server would inherit
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    harness, lease = Connection(fd), Lease()
    try:
        order = json.loads(harness.recv_bytes())
    except (EOFError, ConnectionResetError):  # the harness has ended before it sent anything
        return
    servers: list[subprocess.Popen[bytes]] = []
    try:
        join_group(order["groups"])
    except OSError as error:
        _send(harness, error=f"its limits: {error.filename}: {error.strerror}", command=0)
        return
    try:
        log = os.open(order["log"], os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        for command in order["commands"]:
            servers.append(_start(command, order["cwd"], log))
    except (OSError, ValueError) as error:  # ValueError: a NUL in a word or in the environment
        failed = len(servers)
        reason = f"{order['commands'][failed]['words'][0]}: {getattr(error, 'strerror', None) or error}"
        if servers:
            Guard(harness, lease, servers, log, order["max_log_bytes"]).end(order["grace_s"])
            _remove_leftovers(order["commands"][:failed], log)
        leave_group(order["groups"], order["groups_outside"])
        _send(harness, error=reason, command=failed)
        return
    _send(harness, pid=servers[0].pid)
    guard = Guard(harness, lease, servers, log, order["max_log_bytes"])
    why = guard.run()
    killed = guard.end(order["grace_s"])
    leave_group(order["groups"], order["groups_outside"])
    _remove_leftovers(order["commands"], log)
    if order["folder"] is not None and (guard.is_abandoned or not order["keeps_folder"]):
        shutil.rmtree(order["folder"], ignore_errors=True)
    _send(harness, why=why, killed=killed, exited=servers[0].returncode)


def _start(command: dict[str, Any], cwd: str, log: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command["words"],
        env=command["env"],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def _remove_leftovers(commands: Sequence[dict[str, Any]], log: int) -> None:
    """Run the commands that remove what those of the server may have left, such as containers."""
    for command in commands:
        if command["removal"]:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):  # what is left is in nobody's way
                subprocess.run(
                    command["removal"],
                    env=command["env"],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    timeout=REMOVAL_S,
                )


def _send(harness: Connection, **event: object) -> None:
    with contextlib.suppress(OSError):  # the harness may have gone; the work goes on
        harness.send_bytes(json.dumps(event).encode())


class Guard:
    """The guard of a started server, of one command or several, and of all descendants, until they have ended. It
    ``is_abandoned`` once the harness has ended, or was stopped for too long."""

    def __init__(
        self,
        harness: Connection,
        lease: Lease,
        servers: "Sequence[subprocess.Popen[bytes]]",
        log: int,
        max_log_bytes: int,
    ) -> None:
        self._harness, self._lease, self._servers = harness, lease, servers
        self._log, self._max_log_bytes = log, max_log_bytes
        self.is_abandoned = False
        self._watch: Watch | None = None
        self._ends = _watch_ends(servers)

    def run(self) -> str | None:
        """Return when the server is to end: None if the harness gave the order or has ended, else the reason."""
        is_exit_sent, look_at_s = False, time.monotonic()
        while True:
            ready = wait([self._harness, *self._ends], max(0.0, look_at_s - time.monotonic()))
            self._reap()
            if not is_exit_sent and (ended := self._find_ended()) is not None:
                _send(self._harness, exited=self._servers[ended].returncode, command=ended)
                is_exit_sent = True
            if time.monotonic() >= look_at_s:
                look_at_s = time.monotonic() + LOOK_S
                self._truncate_log()
                if self._watch:
                    self._watch.look_if_due()
            if self._lease.has_run_out():
                self.is_abandoned = True
                return f"ended, since the harness had been stopped for {STOPPED_S:g} s (Ctrl-Z, SIGSTOP)"
            if self._harness in ready and not self._handle_order():
                return None

    def end(self, grace_s: float) -> int:
        """Send SIGTERM to the launched processes, wait for up to ``grace_s``, and kill all that are left. Return how
        many processes had to be killed. Those that are stopped go on, to take the signal."""
        for server in reversed(self._servers):  # a front, which comes last, before its workers
            server.terminate()
        for pid in descendants_of(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        deadline_s = time.monotonic() + grace_s
        while self._are_running() and (left_s := deadline_s - time.monotonic()) > 0:
            wait(list(self._ends), min(left_s, LOOK_S))
            self._reap()
            self._truncate_log()
        return self._kill_children()

    def _find_ended(self) -> int | None:
        """Return the number of the first of the launched processes that has ended; None while all run."""
        return next((number for number, each in enumerate(self._servers) if each.returncode is not None), None)

    def _are_running(self) -> bool:
        return any(each.returncode is None for each in self._servers)

    def _kill_children(self) -> int:
        """Kill children until none is left; return how many were killed.

        Orphaned descendants become our children. The pid of a child is not reused before we have waited for it, so
        that no stranger is killed. The short pause catches processes that fork and end at once.
        """
        killed, deadline_s = set[int](), time.monotonic() + KILL_S
        while self._reap() and time.monotonic() < deadline_s:
            for pid in children_of(os.getpid()):
                if state_of(pid) != b"Z":
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
            self._truncate_log()
            time.sleep(POLL_S)
        self._truncate_log()
        return len(killed)

    def _handle_order(self) -> bool:
        """Carry out the next order of the harness. Return False if it is to stop, or the harness has ended."""
        try:
            word = self._harness.recv_bytes()
        except (EOFError, ConnectionResetError):
            self.is_abandoned = True
            return False
        if word == b"watch":
            self._watch = Watch(self._lease)
        if self._watch and word != b"stop":
            self._watch.look()
            _send(self._harness, stopped_s=self._watch.stopped_s)
        return word != b"stop"

    def _reap(self) -> bool:
        """Wait for all children that have ended, adopted ones too, which adds their CPU times to the guardian's. Return
        whether others are left."""
        try:
            while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                launched = next((each for each in self._servers if each.pid == found.si_pid), None)
                if launched is not None:
                    launched.wait()  # it keeps the exit status
                    self._forget_end(launched)
                else:
                    os.waitpid(found.si_pid, 0)
        except ChildProcessError:
            return False
        return True

    def _forget_end(self, server: "subprocess.Popen[bytes]") -> None:
        """Close the descriptor that told of its end, and always would."""
        for fd in [fd for fd, each in self._ends.items() if each is server]:
            os.close(fd)
            del self._ends[fd]

    def _truncate_log(self) -> None:
        """Truncate the log to its last bytes when it is too large. The server appends, and so continues at the new end.

        It is done by descriptor: another file that was put in its place is not truncated.
        """
        with contextlib.suppress(OSError):  # a log that can't be read is no reason to stop guarding the server
            if (size := os.fstat(self._log).st_size) > self._max_log_bytes:
                last = os.pread(self._log, KEPT_LOG_BYTES, size - KEPT_LOG_BYTES)
                os.ftruncate(self._log, 0)
                os.write(self._log, f"harness: {size - len(last):,} {DROPPED}\n".encode() + last)


def _watch_ends(servers: "Sequence[subprocess.Popen[bytes]]") -> "dict[int, subprocess.Popen[bytes]]":
    """Return a descriptor for each process that is readable when it has ended (pidfd_open(2)). None before Linux 5.3,
    where the next look finds it.

    A handler of SIGCHLD would also run at each stop of a server that takes turns, on the core of the server.
    """
    try:
        return {os.pidfd_open(server.pid): server for server in servers}
    except (AttributeError, OSError):
        return {}


class Watch:
    """A watch for stopped processes: the harness, processes of the server, and the guardian itself.

    ``stopped_s`` has for about how long each was stopped since the watch began (s), by process id. While the guardian
    is stopped it sees no other.
    """

    def __init__(self, lease: Lease) -> None:
        self.stopped_s: dict[int, float] = {}
        self._lease = lease
        self._looked_s = self._due_s = time.monotonic()

    def look_if_due(self) -> None:
        """Look, unless the last look is so recent that another one would cost too much."""
        if time.monotonic() >= self._due_s:
            began_s = time.thread_time()
            self.look()
            self._due_s = self._looked_s + min(PAUSE_FACTOR * (time.thread_time() - began_s), MAX_PAUSE_S)

    def look(self) -> None:
        """Count each process that is stopped now as stopped since the last look."""
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
    os._exit(0)  # nothing is left to be done, and the harness waits for the end
