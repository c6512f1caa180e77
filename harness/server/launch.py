"""The launch of a topology's server: its command, its environment, and the place where it is to listen."""

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

from harness.load.spec import DEFAULT_PORTS, WILDCARD_ADDRESSES, Target, Tls
from harness.scenario import Topology
from harness.scenario.malloc import malloc_variables
from harness.scenario.placeholders import fill, look_up, variables_of
from harness.scenario.topology import LOOPBACK, placeholders_of
from harness.server.ending import explain_exit
from harness.server.first_exception import find_first_exception
from harness.server.guardian import DROPPED
from harness.server.supervised import ServerError, SupervisedProcess

MAX_SOCKET_PATH_BYTES: Final = 107  # sun_path of unix(7)
LOG_HEAD_BYTES: Final = 64 * 1024
LOG_TAIL_BYTES: Final = 4096
LOG_TAIL_LINES: Final = 20
NO_SERVICES: Final[Mapping[str, str]] = MappingProxyType({})
PYTHONS: Final = ("python3", "python")
BASE_VARIABLES: Final = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "TMPDIR", "TZ", "USER")


class PortTakenError(ServerError):
    """Somebody else listens on the server's port."""


@dataclass(frozen=True)
class ServerCommand:
    """The command that starts the server of a topology: words, environment and the folder in which it runs, with all
    placeholders filled."""

    words: tuple[str, ...]
    env: dict[str, str]
    folder: str

    @classmethod
    def of(
        cls, topology: Topology, port: int, unix_socket: str | None = None, services: Mapping[str, str] = NO_SERVICES
    ) -> Self:
        """Return the command of a server that is to listen on this port or Unix socket. ``services`` fill the
        placeholders that refer to services; those that it does not have stay as they are."""
        root = root_of(topology)
        python, own = find_python(), sys.executable
        values: dict[str, object] = {
            "python": python,
            "harness_python": own,
            "host": topology.host,
            "port": port,
            "unix_socket": unix_socket,
            "workers": topology.workers,
            "root": root,
        }
        used = placeholders_of(topology)
        values |= {name: f"{{{name}}}" for name in used if name.startswith("service.")} | dict(services)
        variables = look_up(variables_of(used), os.environ)
        declared = {name: fill(text, values | variables) for name, text in topology.env.items()}
        words = tuple(fill(word, values) for word in topology.command)
        env = build_environment(topology.pass_env) | malloc_variables(topology.malloc) | declared
        return cls(words, env, folder_of(topology))

    def find(self, program: str) -> str | None:
        """Return the file that the system runs as ``program``; None if there is none that may be executed.

        A path is relative to the folder of the command. A bare name is searched for on the server's PATH.
        """
        if os.sep in program:
            return shutil.which(os.path.join(self.folder, program))
        folders = self.env["PATH"].split(os.pathsep)
        return shutil.which(program, path=os.pathsep.join(os.path.join(self.folder, folder) for folder in folders))


def find_python() -> str:
    """Return the path of the first Python on PATH; its bare name if there is none, which is then reported missing."""
    return next(filter(None, map(shutil.which, PYTHONS)), PYTHONS[0])


def build_environment(names: Iterable[str]) -> dict[str, str]:
    """Return the part of the caller's environment that a command gets: the basic variables, and those named."""
    path = {"PATH": os.environ.get("PATH", os.defpath)}
    return path | {name: os.environ[name] for name in (*BASE_VARIABLES, *names) if name in os.environ}


def find_missing_programs(topology: Topology) -> list[str]:
    """Return the programs that the topology needs and this machine does not have."""
    command = ServerCommand.of(topology, port=0)
    uses_python = any("{python}" in text for text in (*topology.command, *topology.env.values()))
    wanted = [*topology.requires, command.words[0], *([find_python()] if uses_python else [])]
    return [name for name in dict.fromkeys(wanted) if command.find(name) is None]


def explain_missing_programs(topology: Topology) -> str | None:
    """Return which programs are missing here and what to do about it, in words; None when none is missing."""
    return "; ".join(_explain_missing(name, folder_of(topology)) for name in find_missing_programs(topology)) or None


def _explain_missing(program: str, folder: str) -> str:
    if os.sep in program:
        return _explain_not_runnable(Path(folder, program))
    own = Path(sys.executable).parent / program
    beside = f", or write {{harness_python}} -m {program} for the harness's own" if own.exists() else ""
    return f"{program} not found on PATH; install {program}, or activate the environment that has it{beside}"


def _explain_not_runnable(file: Path) -> str:
    if file.is_dir():
        return f"{file} is a folder, not a program"
    if file.exists():
        return f"{file} may not be run; chmod +x makes it a program"
    return f"{file} is not there"


def root_of(topology: Topology) -> str:
    """Return the folder where the harness was called or, on one side of two, that of the commit."""
    return topology.side.root if topology.side else os.getcwd()


def folder_of(topology: Topology) -> str:
    """Return the folder in which the topology's command runs."""
    return os.path.normpath(os.path.join(root_of(topology), topology.cwd))


def read_log_tail(log: Path) -> list[str]:
    """Return the last lines that a server wrote; none if there is no log.

    A first line that is incomplete is left out: half of a secret could not be recognised and redacted.
    """
    try:
        with log.open("rb") as file:
            begin = file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
            return (lines[1:] or lines if begin else lines)[-LOG_TAIL_LINES:]
    except FileNotFoundError:
        return []


def read_failure(log: Path) -> list[str]:
    """Return what a server wrote about its failure: the first exception in its log, or else its last lines."""
    return find_first_exception(_read_log_head(log)) or read_log_tail(log)


def _read_log_head(log: Path) -> list[str]:
    """Return the first lines that a server wrote, as far as they are there, each of them whole."""
    try:
        with log.open("rb") as file:
            head = file.read(LOG_HEAD_BYTES + 1)
    except FileNotFoundError:
        return []
    lines = head.decode(errors="replace").splitlines()
    begin = 2 if lines and lines[0].endswith(DROPPED) else 0
    return lines[begin:-1] if len(head) > LOG_HEAD_BYTES else lines[begin:]


def find_free_port(host: str = LOOPBACK) -> int:
    """Return a port of this host on which nothing listened a moment ago. Whether one does later is checked later."""
    with create_socket(host) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


def check_port_is_free(host: str, port: int) -> None:
    """Raise OSError where nothing else can listen on the port."""
    with create_socket(host) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))


def create_socket(host: str) -> socket.socket:
    """Return a socket that can be bound to the host."""
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)


class Server(SupervisedProcess):
    """One launched server, on the given cores if any. ``services`` fill the placeholders that refer to services.
    Leaving the context stops it and all its descendants.

    ``target`` is the place to which the load is sent: a Unix socket if the topology has one, or else ``port``.

    Raises ServerError when it can't be started.
    """

    def __init__(
        self,
        topology: Topology,
        log: Path,
        cpus: Sequence[int] = (),
        services: Mapping[str, str] = NO_SERVICES,
    ) -> None:
        try:
            self.port = topology.port or find_free_port(topology.host)
        except OSError as error:
            raise ServerError(f"nothing can listen on {topology.host}: {error.strerror}") from error
        self._folder = tempfile.mkdtemp(prefix="harness-") if _needs_fresh_socket(topology) else None
        unix_socket = f"{self._folder}/socket" if self._folder else _fixed_socket_path(topology, folder_of(topology))
        command = ServerCommand.of(topology, self.port, unix_socket, services)
        self._command, self._log = command.words, log
        try:
            self.target = _build_target(topology, self.port, unix_socket)
            super().__init__(command.words, command.env, command.folder, log, cpus, self._folder)
        except BaseException:
            self._remove_folder()
            raise

    @property
    def location(self) -> str:
        """The place to which the load is sent, in words."""
        if self.target.unix_socket is not None:
            return f"the Unix socket {self.target.unix_socket}"
        elsewhere = "" if self.target.host == LOOPBACK else f" of {self.target.host}"
        return f"port {self.port}{elsewhere}"

    def stop(self) -> None:
        """See :meth:`SupervisedProcess.stop`."""
        super().stop()
        self._remove_folder()  # the guardian does so too, unless it was killed

    def _remove_folder(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def check_alive(self) -> None:
        """Raise ServerError when the launched process has ended, with the reason and advice."""
        code = self.returncode()
        if code is not None:
            raise ServerError(explain_exit(code, self._command, self.guardian_pid, read_failure(self._log)))


def _needs_fresh_socket(topology: Topology) -> bool:
    return topology.listens_on_unix_socket and topology.unix_socket is None


def _fixed_socket_path(topology: Topology, folder: str) -> str | None:
    if topology.unix_socket is None:
        return None
    return os.path.normpath(os.path.join(folder, topology.unix_socket))


def _build_target(topology: Topology, port: int, unix_socket: str | None) -> Target:
    """Return the target of the load. Its certificate is verified only if the topology has a ``ca_file``.

    Raises ServerError when the path of the Unix socket is too long.
    """
    tls = Tls(verify=topology.ca_file is not None, ca_file=topology.ca_file) if topology.scheme == "https" else None
    if unix_socket is None:
        return Target(host=WILDCARD_ADDRESSES.get(topology.host, topology.host), port=port, tls=tls)
    if len(os.fsencode(unix_socket)) > MAX_SOCKET_PATH_BYTES:
        raise ServerError(f"the path of a Unix socket has {MAX_SOCKET_PATH_BYTES} bytes at most, not so {unix_socket}")
    return Target(host="localhost", port=DEFAULT_PORTS[topology.scheme], unix_socket=unix_socket, tls=tls)
