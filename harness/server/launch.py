"""What a topology's server is launched with: where it is to listen, command, environment."""

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness.generator.load import DEFAULT_PORTS, EVERY_ADDRESS, Target, Tls
from harness.scenario import Topology
from harness.scenario.topology import LOOPBACK
from harness.server.guarded import Guarded, ServerError

MAX_SOCKET_PATH_BYTES: Final = 107  # sun_path of unix(7)
LOG_TAIL_BYTES: Final = 4096
LOG_TAIL_LINES: Final = 20
PASSED: Final = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "TMPDIR", "TZ", "USER")


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
    root = root_of(topology)
    values = {"python": sys.executable, "host": topology.host, "port": 0, "unix_socket": "", "root": root}
    program = topology.filled(topology.command[0], values)
    wanted = dict.fromkeys([*topology.requires, program])
    return [name for name in wanted if shutil.which(_in(root, name), path=search_path()) is None]


def root_of(topology: Topology) -> str:
    """The folder in which its command runs."""
    return topology.side.root if topology.side else os.getcwd()


def _in(root: str, program: str) -> str:
    """A path is meant from there, a bare name from PATH."""
    return os.path.join(root, program) if os.sep in program else program


def log_tail(log: Path) -> list[str]:
    """The last lines that a server wrote."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    except FileNotFoundError:
        return []


def free_port(host: str = LOOPBACK) -> int:
    """Return a port of this host that nothing listened on a moment ago; who listens later is checked later."""
    with bindable_socket(host) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


def bindable_socket(host: str) -> socket.socket:
    """Return a socket that can be bound to the host."""
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)


class Server(Guarded):
    """One launched server, on the given cores if any. Leaving the context stops it and all that descends from it.

    ``target`` is where it is loaded: on a Unix socket, if it is told one, or else on ``port``.
    """

    def __init__(self, topology: Topology, log: Path, cpus: Sequence[int] = ()) -> None:
        root = root_of(topology)
        try:
            self.port = topology.port or free_port(topology.host)
        except OSError as error:
            raise ServerError(f"nothing can listen on {topology.host}: {error.strerror}") from error
        self._folder = tempfile.mkdtemp(prefix="harness-") if _needs_fresh_socket(topology) else None
        unix_socket = f"{self._folder}/socket" if self._folder else _fixed_socket(topology, root)
        values = {
            "python": sys.executable,
            "host": topology.host,
            "port": self.port,
            "unix_socket": unix_socket,
            "root": root,
        }
        command = [topology.filled(word, values) for word in topology.command]
        env = environment_of(topology) | {name: topology.filled(text, values) for name, text in topology.env.items()}
        try:
            self.target = _target(topology, self.port, unix_socket)
            super().__init__(command, env, root, log, cpus, self._folder)
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
        """See :meth:`Guarded.stop`."""
        super().stop()
        self._remove_folder()  # which its guardian does, unless that was killed

    def _remove_folder(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def check_alive(self) -> None:
        """Raise ServerError when the launched process has ended."""
        code = self.returncode()
        if code is not None:
            how = f"was killed by signal {-code}" if code < 0 else f"exited with {code}"
            raise ServerError(f"the server {how}")


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
