"""The process tree of a server: its processes, the role of each, and the owner of its port."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from types import TracebackType
from typing import Final, Self

import psutil

from harness.load.spec import Target
from harness.record import Role, ServerProcess, WorkerCounts
from harness.server.container import RUNTIME
from harness.server.exits import describe_exit, is_expected_exit
from harness.server.launch import Server
from harness.server.listening import listening_pids, socket_path
from harness.server.roles import Activity, assign_roles, find_idle_supervisors
from harness.server.seen import SeenProcess
from harness.server.sockets import Place, Socket, inodes_of, read_sockets
from harness.server.supervised import ServerError

LOOK_S: Final = 0.1  # between two looks, at least
PAUSE_FACTOR: Final = 20  # a pause is so many times the CPU time of a look: looks cost at most a twentieth of a core

Key = tuple[int, float]  # pid and birth, in seconds after boot: no two processes share both


class ProcessTree:
    """The processes of a server, observed from when it is ready until the context is left.

    Each look adds to what is known of them, and processes that have ended stay known. A look raises ServerError where
    the kernel does not list the sockets. ``declared`` is the number of workers that the scenario states, if it does.
    ``when_ready`` are the processes that were there when only the first request had been sent.
    """

    def __init__(self, server: Server, declared: int | None = None, when_ready: Sequence[ServerProcess] = ()) -> None:
        self._server = server
        self._when_ready = when_ready
        self._declared = declared
        self._known: dict[Key, SeenProcess] = {}
        self._looks: list[frozenset[Key]] = []  # the processes alive at each look
        self._begin = 0  # the index of the look with which the window began
        self._event: int | None = None  # how many looks there were when the first event of the scenario came
        self.look()

    def look(self) -> None:
        """Observe which processes are there, what they have used, and which sockets they hold."""
        alive = self._observe()
        self._inspect_sockets(alive)

    def begin_window(self) -> None:
        """Look, and take this look as the begin of the measured window."""
        self.look()
        self._begin = len(self._looks) - 1

    def note_event(self) -> None:
        """Note that an event of the scenario is about to change the processes."""
        if self._event is None:
            self._event = len(self._looks)

    @contextlib.contextmanager
    def look_repeatedly(self) -> Iterator[None]:
        """Look again and again in another thread until the context is left, which raises what a look has raised."""
        is_over = threading.Event()

        def keep_looking() -> None:
            pause_s = LOOK_S
            while not is_over.wait(pause_s):
                began_s = time.thread_time()
                self.look()
                pause_s = max(LOOK_S, PAUSE_FACTOR * (time.thread_time() - began_s))

        with ThreadPoolExecutor(1) as thread:
            looks = thread.submit(keep_looking)
            try:
                yield
            finally:
                is_over.set()
            looks.result()

    def list_alive(self) -> list[ServerProcess]:
        """Look, and return the processes that are there, by pid. Only the sockets of new ones are read."""
        known = set(self._known)
        alive = self._observe()
        if new := alive - known:
            self._inspect_sockets(new)
        return self._to_records(alive)

    def list_at_begin(self) -> list[ServerProcess]:
        """Return the processes at the begin of the window, by pid; before the window, those at the first look.

        Where workers are replaced, these are the processes at a look at which all workers were there.
        """
        looks, found = self._workers_by_look(), self.workers().found
        in_order = [*range(self._begin, len(looks)), *range(self._begin)]
        return self._to_records(self._looks[next(at for at in in_order if len(looks[at]) == found)])

    def roles(self) -> dict[int, Role]:
        """Return the role of every process that was ever seen, by pid."""
        target = self._server.target
        public: set[Place] = {target.unix_socket} if target.unix_socket else set(target.ports)
        every = self.activities()
        outside = RUNTIME if self._server.has_containers else frozenset()
        inside = [each for each in every if each.program not in outside]
        helpers: dict[int, Role] = {each.pid: "helper" for each in every}
        return helpers | assign_roles(inside, public, self._declared)

    def activities(self) -> list[Activity]:
        """Return the activity of every process that was ever seen."""
        return [seen.activity() for seen in self._known.values()]

    def find_idle_supervisors(self) -> set[int]:
        """Return the ids of supervisors that do nothing as long as their workers live."""
        return find_idle_supervisors(self.activities(), self.roles())

    def workers(self) -> WorkerCounts:
        """Return how many workers there were, and how many of them started and ended.

        Where workers are replaced, ``found`` is the most that were there at a time.
        """
        return self._count_workers(len(self._looks))

    def workers_before_event(self) -> WorkerCounts:
        """Return the same counts as they were when the first event of the scenario came; at the end, if none did."""
        return self._count_workers(len(self._looks) if self._event is None else max(self._event, self._begin + 1))

    def _count_workers(self, number: int) -> WorkerCounts:
        """Return the counts by the first looks, so many of them."""
        looks, exits = self._workers_by_look()[:number], self._read_exits(number)
        window, ready = looks[self._begin :], looks[0]
        before = set().union(*looks[: self._begin + 1])
        counts = WorkerCounts(
            ready=self._count_ready_workers(ready),
            found=len(window[0]),
            least=min(map(len, window)),
            most=max(map(len, window)),
            at_end=len(window[-1]),
            started=len(set().union(*window) - window[0]),
            ended=Counter(describe_exit(exits[key]) for key in sorted(set().union(*window) - window[-1])),
            crashed=self._describe_crashes(exits),
            untold=sum(status is None for status in exits.values()),
            changed_seconds=[second for second, (was, now) in enumerate(pairwise(window)) if was != now],
            started_before=len(before - ready),
            ended_before=len(before - window[0]),
        )
        if not counts.is_replacing:
            return counts
        return counts.with_found(counts.most or max(map(len, looks)))

    def _count_ready_workers(self, workers: set[Key]) -> int:
        """Return how many of the workers at the first look were there when the server was ready.

        Requests were sent between the two, on which a pool may have grown. A worker that was replaced in between is
        counted.
        """
        if not self._when_ready:
            return len(workers)
        there = {(process.pid, process.born_s) for process in self._when_ready}
        return max(len(workers & there), min(len(workers), len(workers_of(self._when_ready))))

    def _read_exits(self, looks: int) -> dict[Key, int | None]:
        """Return the exit status of each worker and each front that had ended after so many looks."""
        roles = self.roles()
        gone = set().union(*self._looks[:looks]) - self._looks[looks - 1]
        return {key: self._known[key].exit.status() for key in sorted(gone) if roles[key[0]] in ("worker", "front")}

    def _describe_crashes(self, exits: dict[Key, int | None]) -> list[str]:
        roles = self.roles()
        return [
            f"{roles[pid]} {pid} ended during the trial: {describe_exit(status)}"
            for (pid, _), status in exits.items()
            if status is not None and not is_expected_exit(status)
        ]

    def _workers_by_look(self) -> list[set[Key]]:
        """Return the workers that were there at each look."""
        roles = self.roles()
        return [{key for key in look if roles[key[0]] == "worker"} for look in self._looks]

    def _observe(self) -> frozenset[Key]:
        """Record which processes are there and what they have used so far; return their keys."""
        alive = set()
        is_first = not self._looks
        for process in find_descendants(self._server):
            with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError):
                key = (process.pid, _born_s(process))
                if key in self._known:
                    self._known[key].read_usage()
                else:
                    self._known[key] = SeenProcess(process, key[1], is_from_birth=not is_first)
                alive.add(key)
        self._looks.append(frozenset(alive))
        return self._looks[-1]

    def _inspect_sockets(self, keys: frozenset[Key]) -> None:
        """Record which sockets these processes hold."""
        sockets, inodes = _read_sockets(), dict[Key, set[int]]()
        for key in keys:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                inodes[key] = inodes_of(key[0])
        sockets |= _read_sockets()  # those of a moment ago too: some connections are over in a millisecond
        held = {
            key: [_resolve_place(sockets[inode], key[0]) for inode in own if inode in sockets]
            for key, own in inodes.items()
        }
        for key, own in held.items():
            self._known[key].holds_sockets = bool(inodes[key])
            self._known[key].listens |= {socket.place for socket in own if socket.listens}
        listening = {place for seen in self._known.values() for place in seen.listens}
        for key, own in held.items():
            self._known[key].note_connections(own, listening)

    def _to_records(self, keys: frozenset[Key]) -> list[ServerProcess]:
        roles = self.roles()
        return [self._known[key].to_record(roles[key[0]]) for key in sorted(keys)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for seen in self._known.values():
            seen.exit.close()


def list_processes(server: Server) -> list[ServerProcess]:
    """Return every live process of the server, by pid. Its role is the likely one, as it appears without load."""
    with ProcessTree(server) as process_tree:
        return process_tree.list_at_begin()


def workers_of(processes: Sequence[ServerProcess]) -> list[ServerProcess]:
    """Return the workers among the processes."""
    return [process for process in processes if process.role == "worker"]


def find_descendants(server: Server) -> list[psutil.Process]:
    """Return every live descendant of the guardian, which adopts orphans."""
    try:
        descendants = psutil.Process(server.guardian_pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [process for process in descendants if _is_alive(process)]


def find_listening_processes(server: Server) -> tuple[bool, list[str]]:
    """Return whether a process of the server listens at its target, or at that of each replica, and the names of all
    others that listen there.

    Another process must be found twice: one of the server's may start or end while the system is being read.
    """
    ours, strangers = _find_listening_pids(server)
    if strangers:
        ours, again = _find_listening_pids(server)
        strangers &= again
    return ours, sorted(_display_name(pid) for pid in strangers)


def _find_listening_pids(server: Server) -> tuple[bool, set[int | None]]:
    """Return whether a process of the server listens at its target, or at that of each replica, and the pids of all
    others that do."""
    targets = server.target.replicas
    if not all(map(_has_listener, targets)):
        return False, set()
    before = _find_pids(server)
    found = [listening_pids(target) for target in targets]
    own = before | _find_pids(server)
    return all(pids & own for pids in found), set[int | None]().union(*found) - own


def _has_listener(target: Target) -> bool:
    """Return whether anybody may listen at the target.

    This is asked again and again while a server starts. To find the owner of a socket takes thirty times as long.
    """
    sockets = _read_sockets().values()
    return target.unix_socket is not None or any(each.listens and each.place == target.port for each in sockets)


def _find_pids(server: Server) -> set[int]:
    return {process.pid for process in find_descendants(server)}


def _read_sockets() -> dict[int, Socket]:
    try:
        return read_sockets()
    except OSError as error:
        raise ServerError(f"which sockets the server holds can't be read: {error}") from error


def _resolve_place(socket: Socket, pid: int) -> Socket:
    """Return the socket with an absolute path, if it is a Unix socket: the kernel has the path as it was bound."""
    return replace(socket, place=socket_path(socket.place, pid)) if isinstance(socket.place, str) else socket


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _born_s(process: psutil.Process) -> float:
    """Return when the process was born (s after boot): seconds since the epoch would change when the clock is set."""
    return round(process.create_time() - psutil.boot_time(), 2)


def _display_name(pid: int | None) -> str:
    if pid is None:
        return "a process of another user"
    try:
        return f"{psutil.Process(pid).name()} (pid {pid})"
    except psutil.NoSuchProcess:
        return f"pid {pid}"
