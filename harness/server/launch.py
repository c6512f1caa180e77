"""Launching a server and stopping it again, through its guardian."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import Pipe
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from harness.scenario import Topology
from harness.server import guardian

HOST: Final = "127.0.0.1"
GRACE_S: Final = 5.0  # what a server gets to stop after SIGTERM
MOST_LOG_BYTES: Final = 16 * 1024 * 1024  # what is more is dropped within a tenth of a second
LOG_TAIL_BYTES: Final = 4096
LOG_TAIL_LINES: Final = 20
PASSED: Final = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "TMPDIR", "TZ", "USER")


class ServerError(Exception):
    """The server can't be measured: not started, not ready, not ours, gone. The message says which and why."""


class PortTakenError(ServerError):
    """Somebody else listens on the server's port."""


def search_path() -> str:
    """PATH with the programs beside this Python first, so that a virtual environment need not be activated."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def environment_of(topology: Topology) -> dict[str, str]:
    """What the server is given of the caller's environment: the little that every program needs, and what it names."""
    names = [*PASSED, *topology.pass_env]
    return {name: os.environ[name] for name in names if name in os.environ} | {"PATH": search_path()}


def missing_programs(topology: Topology) -> list[str]:
    """The programs that the topology needs and this machine does not have."""
    program = topology.filled(topology.command[0], {"python": sys.executable, "host": HOST, "port": 0})
    wanted = dict.fromkeys([*topology.requires, program])
    return [name for name in wanted if shutil.which(name, path=search_path()) is None]


def log_tail(log: Path) -> list[str]:
    """The last lines that a server wrote."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    except FileNotFoundError:
        return []


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listened on a moment ago; who listens later is checked later."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return int(sock.getsockname()[1])


class Server:
    """One launched server, on the given cores if any. Leaving the context stops it and all that descends from it."""

    def __init__(self, topology: Topology, log: Path, cpus: Sequence[int] = ()) -> None:
        self.port = topology.port or free_port()
        self.pid: int | None = None  # of the launched process, which leads a session of its own
        self.killed = 0
        self._returncode: int | None = None
        values = {"python": sys.executable, "host": HOST, "port": self.port}
        self._pipe, child = Pipe()
        with child:
            self._guardian = subprocess.Popen(
                [sys.executable, "-I", guardian.__file__, str(child.fileno())],
                pass_fds=[child.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        command = [topology.filled(word, values) for word in topology.command]
        env = environment_of(topology) | {name: topology.filled(text, values) for name, text in topology.env.items()}
        try:
            if cpus:
                os.sched_setaffinity(self._guardian.pid, cpus)  # inherited by all that it will start
            self._launch(command, env, log)
        except BaseException:
            self.stop()
            raise

    @property
    def guardian_pid(self) -> int:
        """The process of which every process of the server is a descendant."""
        return self._guardian.pid

    def returncode(self) -> int | None:
        """How the launched process ended; None while it runs."""
        while self._returncode is None and not self._pipe.closed and self._pipe.poll():
            self._returncode = self._told().get("exited")
        return self._returncode

    def check_alive(self) -> None:
        """Raise ServerError when the launched process has ended."""
        code = self.returncode()
        if code is not None:
            how = f"was killed by signal {-code}" if code < 0 else f"exited with {code}"
            raise ServerError(f"the server {how}")

    def stop(self) -> None:
        """SIGTERM, some patience, SIGKILL; returns when no process of the server is left."""
        if self._pipe.closed:
            return
        try:
            self._pipe.send_bytes(b"stop")
            while "killed" not in (event := self._told()):
                pass
            self.killed, self._returncode = event["killed"], event["exited"]
        except (OSError, ServerError):  # nothing was launched, or the guardian itself was killed
            if self.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
        self._pipe.close()
        self._guardian.wait()

    def _launch(self, command: list[str], env: Mapping[str, str], log: Path) -> None:
        order = {"command": command, "env": env, "log": str(log), "most_log_bytes": MOST_LOG_BYTES, "grace_s": GRACE_S}
        self._pipe.send_bytes(json.dumps(order).encode())
        answer = self._told()
        if "error" in answer:
            raise ServerError(f"can't be started: {answer['error']}")
        self.pid = int(answer["pid"])

    def _told(self) -> dict[str, Any]:
        try:
            event: dict[str, Any] = json.loads(self._pipe.recv_bytes())
        except (EOFError, ConnectionResetError) as error:
            raise ServerError("its guardian has ended") from error
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
