"""Which processes a server consists of, which of them are its workers, and who owns its port."""

import psutil

from harness.record import Role, ServerProcess
from harness.server.launch import Server


def take_census(server: Server) -> list[ServerProcess]:
    """Every live process of the server, by pid.

    A worker is a leaf of the process tree that holds a socket: that finds gunicorn's, uvicorn's and Node's
    workers, a lone process, and a server behind a wrapper script, and leaves out helpers that only hold pipes.
    """
    census = []
    for process in _alive(server):
        try:
            census.append(
                ServerProcess(
                    pid=process.pid, created_s=process.create_time(), role=_role(process), name=process.name()
                )
            )
        except psutil.NoSuchProcess:
            continue
    return sorted(census, key=lambda process: process.pid)


def workers_of(census: list[ServerProcess]) -> list[ServerProcess]:
    """Those that answer requests."""
    return [process for process in census if process.role == "worker"]


def listeners(server: Server) -> tuple[bool, list[str]]:
    """Whether a process of the server listens on its port, and every process that does and is not of it."""
    own = {process.pid for process in _alive(server)}
    pids = {
        connection.pid
        for connection in psutil.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN and tuple(connection.laddr)[1:2] == (server.port,)
    }
    return bool(pids & own), sorted(_name(pid) for pid in pids - own)


def _alive(server: Server) -> list[psutil.Process]:
    try:
        family = psutil.Process(server.guardian_pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def _role(process: psutil.Process) -> Role:
    if any(child.status() != psutil.STATUS_ZOMBIE for child in process.children()):
        return "supervisor"
    return "worker" if process.net_connections(kind="all") else "helper"


def _name(pid: int | None) -> str:
    if pid is None:
        return "a process of another user"
    try:
        return f"{psutil.Process(pid).name()} (pid {pid})"
    except psutil.NoSuchProcess:
        return f"pid {pid}"
