"""Which processes a server consists of, what each of them is for, and who owns its port."""

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
from harness.server.exits import exit_text, was_asked
from harness.server.launch import Server
from harness.server.listening import listening_pids, socket_path
from harness.server.roles import Activity, assign_roles
from harness.server.seen import SeenProcess
from harness.server.sockets import Socket, inodes_of, read_sockets
from harness.server.supervised import ServerError

LOOK_S: Final = 0.1  # between two looks, at least
PAUSES: Final = 20  # as long as a look takes: looking costs no more than a twentieth of a core

Key = tuple[int, float]  # pid and birth, in seconds after boot: no two processes share both


class ProcessTree:
    """The processes of a server as they are seen at work, from when it is ready until the context is left.

    Each look adds to what is known of them, and whoever ends stays known; it raises ServerError where the kernel does
    not tell which sockets there are. ``declared`` is how many workers there are to be, if anybody said, and
    ``when_ready`` who was there before anything but the first answer was asked for.
    """

    def __init__(self, server: Server, declared: int | None = None, when_ready: Sequence[ServerProcess] = ()) -> None:
        self._server = server
        self._when_ready = when_ready
        self._declared = declared
        self._known: dict[Key, SeenProcess] = {}
        self._looks: list[frozenset[Key]] = []  # who was there, look by look
        self._begin = 0  # the look with which the window began
        self.look()

    def look(self) -> None:
        """See who is there, and what each of them does and holds."""
        alive = self._see()
        self._look_closer(alive)

    def begin_window(self) -> None:
        """Say that the measured window begins."""
        self.look()
        self._begin = len(self._looks) - 1

    @contextlib.contextmanager
    def looking(self) -> Iterator[None]:
        """Look again and again, beside whatever is done in the context, which ends with what was raised at a look."""
        is_over = threading.Event()

        def go_on() -> None:
            pause_s = LOOK_S
            while not is_over.wait(pause_s):
                began_s = time.thread_time()
                self.look()
                pause_s = max(LOOK_S, PAUSES * (time.thread_time() - began_s))

        with ThreadPoolExecutor(1) as thread:
            looks = thread.submit(go_on)
            try:
                yield
            finally:
                is_over.set()
            looks.result()

    def alive(self) -> list[ServerProcess]:
        """Return who is there now, by pid, looking closer only at those that are new."""
        known = set(self._known)
        alive = self._see()
        if new := alive - known:
            self._look_closer(new)
        return self._described(alive)

    def at_begin(self) -> list[ServerProcess]:
        """Return who was there as the window began or, as long as it has not, at the first look; by pid. Where workers
        are replaced, who was there when all of them were."""
        looks, found = self._workers(), self.workers().found
        in_order = [*range(self._begin, len(looks)), *range(self._begin)]
        return self._described(self._looks[next(at for at in in_order if len(looks[at]) == found)])

    def roles(self) -> dict[int, Role]:
        """Return what every process that was ever seen is for, by pid."""
        public = self._server.target.unix_socket or self._server.target.port
        return assign_roles(self.activities(), public, self._declared)

    def activities(self) -> list[Activity]:
        """Return what every process that was ever seen did."""
        return [seen.activity() for seen in self._known.values()]

    def workers(self) -> WorkerCounts:
        """Return how many workers there were, and what became of them. Where some went and others came, as many are
        found as were there at a time, at most."""
        looks, exits = self._workers(), self._exits()
        window, ready = looks[self._begin :], looks[0]
        before = set().union(*looks[: self._begin + 1])
        counts = WorkerCounts(
            ready=self._ready(ready),
            found=len(window[0]),
            least=min(map(len, window)),
            most=max(map(len, window)),
            at_end=len(window[-1]),
            started=len(set().union(*window) - window[0]),
            ended=Counter(exit_text(exits[key]) for key in sorted(set().union(*window) - window[-1])),
            crashed=self._crashed(exits),
            untold=sum(status is None for status in exits.values()),
            changed_seconds=[second for second, (was, now) in enumerate(pairwise(window)) if was != now],
            started_before=len(before - ready),
            ended_before=len(before - window[0]),
        )
        if not counts.is_replacing:
            return counts
        return counts.model_copy(update={"found": counts.most or max(map(len, looks))})

    def _ready(self, workers: set[Key]) -> int:
        """Of the workers at the first look, how many were there when the server was ready: bodies were asked for since,
        which a pool may have grown by. One that was replaced since counts as what it was."""
        if not self._when_ready:
            return len(workers)
        there = {(process.pid, process.born_s) for process in self._when_ready}
        return max(len(workers & there), min(len(workers), len(workers_of(self._when_ready))))

    def _exits(self) -> dict[Key, int | None]:
        """How each of the workers, and of those in front of them, ended that has."""
        roles = self.roles()
        gone = set(self._known) - self._looks[-1]
        return {key: self._known[key].exit.status() for key in sorted(gone) if roles[key[0]] in ("worker", "front")}

    def _crashed(self, exits: dict[Key, int | None]) -> list[str]:
        roles = self.roles()
        return [
            f"{roles[pid]} {pid} ended during the trial: {exit_text(status)}"
            for (pid, _), status in exits.items()
            if status is not None and not was_asked(status)
        ]

    def _workers(self) -> list[set[Key]]:
        """Those that were there, look by look."""
        roles = self.roles()
        return [{key for key in look if roles[key[0]] == "worker"} for look in self._looks]

    def _see(self) -> frozenset[Key]:
        """Note who is there and what they have used so far."""
        alive = set()
        is_first = not self._looks
        for process in family_of(self._server):
            with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError):
                key = (process.pid, _born_s(process))
                if key in self._known:
                    self._known[key].count()
                else:
                    self._known[key] = SeenProcess(process, key[1], is_from_birth=not is_first)
                alive.add(key)
        self._looks.append(frozenset(alive))
        return self._looks[-1]

    def _look_closer(self, keys: frozenset[Key]) -> None:
        """Note which sockets these hold."""
        sockets, inodes = _read_sockets(), dict[Key, set[int]]()
        for key in keys:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                inodes[key] = inodes_of(key[0])
        sockets |= _read_sockets()  # those of a moment ago too: some connections are over in a millisecond
        held = {
            key: [_placed(sockets[inode], key[0]) for inode in own if inode in sockets] for key, own in inodes.items()
        }
        for key, own in held.items():
            self._known[key].holds_sockets = bool(inodes[key])
            self._known[key].listens |= {socket.place for socket in own if socket.listens}
        listening = {place for seen in self._known.values() for place in seen.listens}
        for key, own in held.items():
            self._known[key].note_connections(own, listening)

    def _described(self, keys: frozenset[Key]) -> list[ServerProcess]:
        roles = self.roles()
        return [self._known[key].described(roles[key[0]]) for key in sorted(keys)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for seen in self._known.values():
            seen.exit.close()


def take_census(server: Server) -> list[ServerProcess]:
    """Return every live process of the server, by pid, with what it is likely to be for while nothing is to be done."""
    with ProcessTree(server) as census:
        return census.at_begin()


def workers_of(census: Sequence[ServerProcess]) -> list[ServerProcess]:
    """Return those that work on requests."""
    return [process for process in census if process.role == "worker"]


def family_of(server: Server) -> list[psutil.Process]:
    """Return every live descendant of the guardian, which adopts those whose parents end."""
    try:
        descendants = psutil.Process(server.guardian_pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [process for process in descendants if _is_alive(process)]


def listeners(server: Server) -> tuple[bool, list[str]]:
    """Return whether a process of the server listens where it is loaded, and every process that does and is not of it.

    A stranger must be seen twice: a process of the server may come or go while the system is being looked at.
    """
    ours, strangers = _look(server)
    if strangers:
        ours, again = _look(server)
        strangers &= again
    return ours, sorted(_name(pid) for pid in strangers)


def _look(server: Server) -> tuple[bool, set[int | None]]:
    if not _is_listened_at(server.target):
        return False, set()
    before = _pids(server)
    pids = listening_pids(server.target)
    own = before | _pids(server)
    return bool(pids & own), pids - own


def _is_listened_at(target: Target) -> bool:
    """Return whether anybody may listen there. Whose a socket is takes thirty times as long to find out, and is asked
    again and again while a server starts."""
    sockets = _read_sockets().values()
    return target.unix_socket is not None or any(each.listens and each.place == target.port for each in sockets)


def _pids(server: Server) -> set[int]:
    return {process.pid for process in family_of(server)}


def _read_sockets() -> dict[int, Socket]:
    try:
        return read_sockets()
    except OSError as error:
        raise ServerError(f"which sockets the server holds can't be read: {error}") from error


def _placed(socket: Socket, pid: int) -> Socket:
    """Return the socket with the whole path of a Unix socket, which the kernel has as it was bound."""
    return replace(socket, place=socket_path(socket.place, pid)) if isinstance(socket.place, str) else socket


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _born_s(process: psutil.Process) -> float:
    """Counted from boot: seconds since the epoch move when the clock is set."""
    return round(process.create_time() - psutil.boot_time(), 2)


def _name(pid: int | None) -> str:
    if pid is None:
        return "a process of another user"
    try:
        return f"{psutil.Process(pid).name()} (pid {pid})"
    except psutil.NoSuchProcess:
        return f"pid {pid}"
