"""The observations of one process of a server, added up look by look."""

import time
from collections import Counter
from pathlib import PurePath

import psutil

from harness.record import Role, ServerProcess
from harness.server.exits import ExitWatch
from harness.server.roles import Activity
from harness.server.sockets import Place, Socket


class SeenProcess:
    """One process of a server, with everything that was observed of it."""

    def __init__(self, process: psutil.Process, born_s: float, is_from_birth: bool) -> None:
        self._process = process
        self._born_s = born_s
        self._parent = process.ppid()
        self._first_seen_s = self._last_seen_s = time.monotonic()
        self.exit = ExitWatch(process.pid)
        self.holds_sockets = False
        self.listens: set[Place] = set()
        self._serves: Counter[Place] = Counter()  # the most accepted connections that it held at a time
        self._looks_served = 0
        self._cpu_s, self._reaped_cpu_s, self._wakes, self._most_threads = 0.0, 0.0, 0, 1
        self.read_usage()
        self._first_cpu_s, self._first_reaped_cpu_s, self._first_wakes = (
            (0.0, 0.0, 0) if is_from_birth else (self._cpu_s, self._reaped_cpu_s, self._wakes)
        )

    def read_usage(self) -> None:
        """Read what the process has used so far. Raises psutil.NoSuchProcess."""
        with self._process.oneshot():
            cpu = self._process.cpu_times()
            self._cpu_s, self._reaped_cpu_s = cpu.user + cpu.system, cpu.children_user + cpu.children_system
            self._wakes = self._process.num_ctx_switches().voluntary
            self._last_seen_s = time.monotonic()
            self._threads = self._process.num_threads()
            self._most_threads = max(self._most_threads, self._threads)
            self._name = self._process.name().encode(errors="replace").decode()  # the kernel may cut within a character
            self._program = _read_program(self._process)  # it may have been another before it called exec

    def note_connections(self, sockets: list[Socket], listening: set[Place]) -> None:
        """Count the connections among these sockets that were accepted at a place in ``listening``."""
        served = Counter(socket.place for socket in sockets if not socket.listens and socket.place in listening)
        self._serves |= served  # the union of counters keeps the greater number of each place
        self._looks_served += bool(served)

    def activity(self) -> Activity:
        """Return the observed activity of the process."""
        return Activity(
            pid=self._process.pid,
            parent=self._parent,
            program=self._program,
            listens=frozenset(self.listens),
            serves=frozenset(self._serves),
            most_served=max(self._serves.values(), default=0),
            looks_served=self._looks_served,
            holds_sockets=self.holds_sockets,
            cpu_s=self._cpu_s - self._first_cpu_s,
            reaped_cpu_s=self._reaped_cpu_s - self._first_reaped_cpu_s,
            wakes=self._wakes - self._first_wakes,
            seen_s=self._last_seen_s - self._first_seen_s,
            most_threads=self._most_threads,
        )

    def to_record(self, role: Role) -> ServerProcess:
        """Return the process as it is written to a record."""
        return ServerProcess(
            pid=self._process.pid,
            born_s=self._born_s,
            role=role,
            name=self._name,
            program=self._program,
            threads=self._threads,
        )


def _read_program(process: psutil.Process) -> str:
    try:
        return PurePath(process.exe()).name
    except psutil.AccessDenied:
        return ""
