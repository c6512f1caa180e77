"""What a topology's server is launched with: where it is to listen, command, environment."""

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from harness.load.spec import DEFAULT_PORTS, EVERY_ADDRESS, Target, Tls
from harness.scenario import Topology
from harness.scenario.placeholders import fill, look_up, variables_of
from harness.scenario.topology import LOOPBACK, placeholders_of
from harness.server.ending import why_it_ended
from harness.server.first_exception import first_exception
from harness.server.guardian import DROPPED
from harness.server.supervised import ServerError, SupervisedProcess

MAX_SOCKET_PATH_BYTES: Final = 107  # sun_path of unix(7)
LOG_HEAD_BYTES: Final = 64 * 1024
LOG_TAIL_BYTES: Final = 4096
LOG_TAIL_LINES: Final = 20
PYTHONS: Final = ("python3", "python")
PASSED: Final = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "TMPDIR", "TZ", "USER")


class PortTakenError(ServerError):
    """Somebody else listens on the server's port."""


@dataclass(frozen=True)
class ServerCommand:
    """What starts the server of a topology: words, environment and folder, with nothing left to be filled in."""

    words: tuple[str, ...]
    env: dict[str, str]
    root: str

    @classmethod
    def of(cls, topology: Topology, port: int, unix_socket: str | None = None) -> Self:
        """Return the command that has the server listen there."""
        root = root_of(topology)
        python, own = python_on_path(), sys.executable
        values = {
            "python": python,
            "harness_python": own,
            "host": topology.host,
            "port": port,
            "unix_socket": unix_socket,
            "workers": topology.workers,
            "root": root,
        }
        variables = look_up(variables_of(placeholders_of(topology)), os.environ)
        declared = {name: fill(text, values | variables) for name, text in topology.env.items()}
        words = tuple(fill(word, values) for word in topology.command)
        return cls(words, environment_with(topology.pass_env) | declared, root)

    def find(self, program: str) -> str | None:
        """Return the file that the system runs as ``program``: a path is meant from the folder, a bare name is looked
        for on the server's PATH. None when there is none, or none that may be run."""
        if os.sep in program:
            return shutil.which(os.path.join(self.root, program))
        folders = self.env["PATH"].split(os.pathsep)
        return shutil.which(program, path=os.pathsep.join(os.path.join(self.root, folder) for folder in folders))


def python_on_path() -> str:
    """Return the caller's Python; the bare name of one, which is then missing, when there is none."""
    return next(filter(None, map(shutil.which, PYTHONS)), PYTHONS[0])


def environment_with(names: Iterable[str]) -> dict[str, str]:
    """Return what a command is given of the caller's environment: the little that every program needs, and these."""
    path = {"PATH": os.environ.get("PATH", os.defpath)}
    return path | {name: os.environ[name] for name in (*PASSED, *names) if name in os.environ}


def missing_programs(topology: Topology) -> list[str]:
    """Return the programs that the topology needs and this machine does not have."""
    command = ServerCommand.of(topology, port=0)
    uses_python = any("{python}" in text for text in (*topology.command, *topology.env.values()))
    wanted = [*topology.requires, command.words[0], *([python_on_path()] if uses_python else [])]
    return [name for name in dict.fromkeys(wanted) if command.find(name) is None]


def what_is_missing(topology: Topology) -> str | None:
    """Return why the topology can't be run here, and what to do about it; None when no program is missing."""
    return "; ".join(_why(name, root_of(topology)) for name in missing_programs(topology)) or None


def _why(program: str, root: str) -> str:
    if os.sep in program:
        return _why_not_run(Path(root, program))
    own = Path(sys.executable).parent / program
    beside = f", or write {{harness_python}} -m {program} for the harness's own" if own.exists() else ""
    return f"{program} not found on PATH; install {program}, or activate the environment that has it{beside}"


def _why_not_run(file: Path) -> str:
    if file.is_dir():
        return f"{file} is a folder, not a program"
    if file.exists():
        return f"{file} may not be run; chmod +x makes it a program"
    return f"{file} is not there"


def root_of(topology: Topology) -> str:
    """The folder in which its command runs."""
    return topology.side.root if topology.side else os.getcwd()


def log_tail(log: Path) -> list[str]:
    """The last lines that a server wrote, without the first where it is but a part: half a secret is not told from
    anything else."""
    try:
        with log.open("rb") as file:
            begin = file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
            return (lines[1:] or lines if begin else lines)[-LOG_TAIL_LINES:]
    except FileNotFoundError:
        return []


def said_of_failure(log: Path) -> list[str]:
    """What a server that failed wrote of it: the first exception in its log, or its last lines where there is none."""
    return first_exception(_log_head(log)) or log_tail(log)


def _log_head(log: Path) -> list[str]:
    """The first lines that a server wrote, as far as they are there, each of them whole."""
    try:
        with log.open("rb") as file:
            head = file.read(LOG_HEAD_BYTES + 1)
    except FileNotFoundError:
        return []
    lines = head.decode(errors="replace").splitlines()
    begin = 2 if lines and lines[0].endswith(DROPPED) else 0
    return lines[begin:-1] if len(head) > LOG_HEAD_BYTES else lines[begin:]


def free_port(host: str = LOOPBACK) -> int:
    """Return a port of this host that nothing listened on a moment ago; who listens later is checked later."""
    with bindable_socket(host) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


def bindable_socket(host: str) -> socket.socket:
    """Return a socket that can be bound to the host."""
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)


class Server(SupervisedProcess):
    """One launched server, on the given cores if any. Leaving the context stops it and all that descends from it.

    ``target`` is where it is loaded: on a Unix socket, if it is told one, or else on ``port``.
    """

    def __init__(self, topology: Topology, log: Path, cpus: Sequence[int] = ()) -> None:
        try:
            self.port = topology.port or free_port(topology.host)
        except OSError as error:
            raise ServerError(f"nothing can listen on {topology.host}: {error.strerror}") from error
        self._folder = tempfile.mkdtemp(prefix="harness-") if _needs_fresh_socket(topology) else None
        unix_socket = f"{self._folder}/socket" if self._folder else _fixed_socket(topology, root_of(topology))
        command = ServerCommand.of(topology, self.port, unix_socket)
        self._command, self._log = command.words, log
        try:
            self.target = _target(topology, self.port, unix_socket)
            super().__init__(command.words, command.env, command.root, log, cpus, self._folder)
        except BaseException:
            self._remove_folder()
            raise

    @property
    def where(self) -> str:
        """Where it is loaded, in words."""
        if self.target.unix_socket is not None:
            return f"the Unix socket {self.target.unix_socket}"
        elsewhere = "" if self.target.host == LOOPBACK else f" of {self.target.host}"
        return f"port {self.port}{elsewhere}"

    def stop(self) -> None:
        """See :meth:`SupervisedProcess.stop`."""
        super().stop()
        self._remove_folder()  # which its guardian does, unless that was killed

    def _remove_folder(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def check_alive(self) -> None:
        """Raise ServerError when the launched process has ended, with what that was and what to do about it."""
        code = self.returncode()
        if code is not None:
            raise ServerError(why_it_ended(code, self._command, self.guardian_pid, said_of_failure(self._log)))


def _needs_fresh_socket(topology: Topology) -> bool:
    return topology.listens_on_unix_socket and topology.unix_socket is None


def _fixed_socket(topology: Topology, root: str) -> str | None:
    if topology.unix_socket is None:
        return None
    return os.path.normpath(os.path.join(root, topology.unix_socket))


def _target(topology: Topology, port: int, unix_socket: str | None) -> Target:
    """Return where it is loaded; a certificate is checked where there is something to check it against. Raises
    ServerError."""
    tls = Tls(verify=topology.ca_file is not None, ca_file=topology.ca_file) if topology.scheme == "https" else None
    if unix_socket is None:
        return Target(host=EVERY_ADDRESS.get(topology.host, topology.host), port=port, tls=tls)
    if len(os.fsencode(unix_socket)) > MAX_SOCKET_PATH_BYTES:
        raise ServerError(f"the path of a Unix socket has {MAX_SOCKET_PATH_BYTES} bytes at most, not so {unix_socket}")
    return Target(host="localhost", port=DEFAULT_PORTS[topology.scheme], unix_socket=unix_socket, tls=tls)
