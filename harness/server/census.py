"""Which processes a server consists of, which of them are its workers, and who owns its port."""

import contextlib
import os

import psutil

from harness.record import Role, ServerProcess
from harness.server.launch import Server
from harness.server.listening import listening_pids


def take_census(server: Server) -> list[ServerProcess]:
    """Every live process of the server, by pid.

    A worker holds a socket, and no process below it does: that finds gunicorn's, uvicorn's and Node's workers, a
    lone process, and a server behind a wrapper script, and leaves out helpers that only hold pipes.
    """
    holders, above_holders = set(), set()
    family = _family(server)
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            if _holds_socket(process.pid):
                holders.add(process.pid)
                above_holders |= {parent.pid for parent in process.parents()}
    census = []
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            census.append(_describe(process, _role(process.pid, holders, above_holders)))
    return sorted(census, key=lambda process: process.pid)


def workers_of(census: list[ServerProcess]) -> list[ServerProcess]:
    """Those that answer requests."""
    return [process for process in census if process.role == "worker"]


def listeners(server: Server) -> tuple[bool, list[str]]:
    """Whether a process of the server listens where it is loaded, and every process that does and is not of it.

    A stranger must be seen twice: a process of the server may come or go while the system is being looked at.
    """
    ours, strangers = _look(server)
    if strangers:
        ours, again = _look(server)
        strangers &= again
    return ours, sorted(_name(pid) for pid in strangers)


def _look(server: Server) -> tuple[bool, set[int | None]]:
    before = _pids(server)
    pids = listening_pids(server.target)
    own = before | _pids(server)
    return bool(pids & own), pids - own


def _pids(server: Server) -> set[int]:
    return {process.pid for process in _family(server)}


def _family(server: Server) -> list[psutil.Process]:
    """Every live descendant of the guardian, which adopts those whose parents end."""
    try:
        descendants = psutil.Process(server.guardian_pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [process for process in descendants if _is_alive(process)]


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _holds_socket(pid: int) -> bool:
    """By its open files: to look a socket up takes the kernel through all that the system has, tens of milliseconds."""
    with os.scandir(f"/proc/{pid}/fd") as fds:
        for fd in fds:
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                if os.readlink(fd.path).startswith("socket:"):
                    return True
    return False


def _role(pid: int, holders: set[int], above_holders: set[int]) -> Role:
    if pid in above_holders:
        return "supervisor"
    return "worker" if pid in holders else "helper"


def _describe(process: psutil.Process, role: Role) -> ServerProcess:
    """The time of birth counts from boot: seconds since the epoch move when the clock is set."""
    return ServerProcess(
        pid=process.pid,
        born_s=round(process.create_time() - psutil.boot_time(), 2),
        role=role,
        name=process.name().encode(errors="replace").decode(),  # the kernel may cut within a character
    )


def _name(pid: int | None) -> str:
    if pid is None:
        return "a process of another user"
    try:
        return f"{psutil.Process(pid).name()} (pid {pid})"
    except psutil.NoSuchProcess:
        return f"pid {pid}"
