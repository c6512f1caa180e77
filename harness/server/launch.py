"""What a topology's server is launched with: port, command, environment."""

import os
import shutil
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness.scenario import Topology
from harness.server.guarded import Guarded, ServerError

HOST: Final = "127.0.0.1"
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
    program = topology.filled(topology.command[0], {"python": sys.executable, "host": HOST, "port": 0, "root": root})
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


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listened on a moment ago; who listens later is checked later."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return int(sock.getsockname()[1])


class Server(Guarded):
    """One launched server, on the given cores if any. Leaving the context stops it and all that descends from it."""

    def __init__(self, topology: Topology, log: Path, cpus: Sequence[int] = ()) -> None:
        self.port = topology.port or free_port()
        root = root_of(topology)
        values = {"python": sys.executable, "host": HOST, "port": self.port, "root": root}
        command = [topology.filled(word, values) for word in topology.command]
        env = environment_of(topology) | {name: topology.filled(text, values) for name, text in topology.env.items()}
        super().__init__(command, env, root, log, cpus)

    def check_alive(self) -> None:
        """Raise ServerError when the launched process has ended."""
        code = self.returncode()
        if code is not None:
            how = f"was killed by signal {-code}" if code < 0 else f"exited with {code}"
            raise ServerError(f"the server {how}")
