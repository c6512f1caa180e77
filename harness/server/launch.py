"""The launch of a topology's server: its command, its environment, and the place where it is to listen."""

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

import psutil
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from harness.load.spec import DEFAULT_PORTS, WILDCARD_ADDRESSES, Target, Tls
from harness.machine.host import Host
from harness.machine.limits import LimitError, LimitGroup, Limits, make_group
from harness.scenario import Topology
from harness.scenario.malloc import malloc_variables
from harness.scenario.placeholders import fill, look_up, variables_of
from harness.scenario.process import ProcessRole, TopologyProcess
from harness.scenario.topology import LOOPBACK, placeholders_of
from harness.server import front
from harness.server.container import Container, explain_missing_image, find_first_process, podman_environment
from harness.server.ending import explain_exit
from harness.server.first_exception import find_first_exception
from harness.server.guardian import DROPPED
from harness.server.supervised import CommandLine, ServerError, SupervisedProcess
from harness.units import size_text

MAX_SOCKET_PATH_BYTES: Final = 107  # sun_path of unix(7)
LOG_HEAD_BYTES: Final = 64 * 1024
LOG_TAIL_BYTES: Final = 4096
LOG_TAIL_LINES: Final = 20
NO_SERVICES: Final[Mapping[str, str]] = MappingProxyType({})
PYTHONS: Final = ("python3", "python")
_TEMPLATES: Final = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
BASE_VARIABLES: Final = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "TMPDIR", "TZ", "USER")


class PortTakenError(ServerError):
    """Somebody else listens on the server's port."""


@dataclass(frozen=True)
class Instance:
    """One of the commands of a topology that are started: its words as the scenario has them, its number among those
    that are alike, from 1, and the port at which it is to listen."""

    words: tuple[str, ...]
    number: int
    port: int
    role: ProcessRole = "worker"


@dataclass(frozen=True)
class ServerPlace:
    """The place of a server: its port, which is its first replica's, the ports of those of its instances that have one
    of their own, and the paths of its Unix socket and of the folder of the trial, where it has these."""

    port: int
    own_ports: tuple[int, ...] = ()
    unix_socket: str | None = None
    folder: str | None = None

    def list_instances(self, topology: Topology) -> list[Instance]:
        """Return all that is to be started, in its order."""
        if topology.replicas is not None:
            ports = (self.port, *self.own_ports)
            return [Instance(topology.command, number, port) for number, port in enumerate(ports, start=1)]
        if not topology.processes:
            return [Instance(topology.command, 1, self.port)]
        own_ports = iter(self.own_ports)
        return [
            Instance(
                process.command,
                number,
                next(own_ports) if has_own_port(topology, process) else self.port,
                process.role,
            )
            for process in topology.processes
            for number in range(1, process.instances + 1)
        ]


def has_own_port(topology: Topology, process: TopologyProcess) -> bool:
    """Check whether each instance of the process has a port of its own: without a front, workers share the
    topology's."""
    return process.role == "helper" or (process.role == "worker" and topology.has_front)


@dataclass(frozen=True)
class ServerCommand:
    """A command that starts the server of a topology, or one of them: words, environment and the folder in which it
    runs, with all placeholders filled; and the container that it starts, if any."""

    words: tuple[str, ...]
    env: dict[str, str]
    folder: str
    container: Container | None = None

    @property
    def removal(self) -> tuple[str, ...]:
        """The words that remove what it may leave behind: its container."""
        return self.container.removal if self.container else ()

    @classmethod
    def list_of(
        cls, topology: Topology, place: ServerPlace, services: Mapping[str, str] = NO_SERVICES
    ) -> tuple[Self, ...]:
        """Return the commands of a server that is to listen at this place. ``services`` fill the placeholders that
        refer to services; those that it does not have stay as they are."""
        used = placeholders_of(topology)
        values: dict[str, object] = {
            "python": find_python(),
            "harness_python": sys.executable,
            "host": topology.host,
            "unix_socket": place.unix_socket,
            "workers": topology.workers,
            "replicas": topology.replicas,
            "folder": place.folder,
            "root": root_of(topology),
        }
        values |= {name: f"{{{name}}}" for name in used if name.startswith("service.")} | dict(services)
        values |= {f"file.{file.name}": os.path.join(place.folder or "", file.name) for file in topology.files}
        variables = look_up(variables_of(used), os.environ)
        env = build_environment(topology.pass_env) | malloc_variables(topology.malloc)
        return tuple(
            cls._of_instance(instance, topology, place, env, values, variables)
            for instance in place.list_instances(topology)
        )

    @classmethod
    def _of_instance(
        cls,
        instance: Instance,
        topology: Topology,
        place: ServerPlace,
        env: Mapping[str, str],
        values: Mapping[str, object],
        variables: dict[str, str],
    ) -> Self:
        own = {**values, "port": instance.port, "instance": instance.number}
        declared = {name: fill(text, own | variables) for name, text in topology.env.items()}
        words, folder = tuple(fill(word, own) for word in instance.words), folder_of(topology)
        if topology.image is None:
            return cls(words, {**env, **declared}, folder)
        handed_on = (*malloc_variables(topology.malloc), *topology.pass_env)
        own_variables = {**{name: env[name] for name in handed_on if name in env}, **declared}
        container = _describe_container(topology, fill(topology.image, own), place, instance.number, own_variables)
        return cls(container.list_words(words), build_environment(()) | podman_environment(), folder, container)

    def find(self, program: str) -> str | None:
        """Return the file that the system runs as ``program``; None if there is none that may be executed.

        A path is relative to the folder of the command. A bare name is searched for on the server's PATH.
        """
        if os.sep in program:
            return shutil.which(os.path.join(self.folder, program))
        folders = self.env["PATH"].split(os.pathsep)
        return shutil.which(program, path=os.pathsep.join(os.path.join(self.folder, folder) for folder in folders))


def _describe_container(
    topology: Topology, image: str, place: ServerPlace, number: int, variables: Mapping[str, str]
) -> Container:
    """Return the container of a command. It has the folder of the trial, and that where the harness was called, or of
    the commit, if the topology names it."""
    root, folder = root_of(topology), folder_of(topology)
    read = [root] if reads_root(topology) else []
    if topology.cwd != "." and not Path(folder).is_relative_to(root):
        read.append(folder)
    return Container.of(
        image,
        write=(place.folder,) if place.folder else (),
        read=tuple(read),
        folder=folder if topology.cwd != "." else None,
        env_file=os.path.join(os.path.dirname(place.folder), f"env-{number}") if place.folder else None,
        variables=variables,
    )


def reads_root(topology: Topology) -> bool:
    """Check whether what runs in the container of a topology may read the folder where the harness was called, or of
    the commit: if the topology runs there, or names it."""
    in_place = topology.model_copy(update={"image": None})
    in_files = any("root" in file.variables for file in topology.files)
    return topology.cwd != "." or in_files or "root" in placeholders_of(in_place)


def find_python() -> str:
    """Return the path of the first Python on PATH; its bare name if there is none, which is then reported missing."""
    return next(filter(None, map(shutil.which, PYTHONS)), PYTHONS[0])


def build_environment(names: Iterable[str]) -> dict[str, str]:
    """Return the part of the caller's environment that a command gets: the basic variables, and those named."""
    path = {"PATH": os.environ.get("PATH", os.defpath)}
    return path | {name: os.environ[name] for name in (*BASE_VARIABLES, *names) if name in os.environ}


def find_missing_programs(topology: Topology) -> list[str]:
    """Return the programs that the topology needs and this machine does not have."""
    commands = list_commands(topology)
    words = [word for command in topology.commands for word in command]
    uses_python = any("{python}" in text for text in (*words, *topology.env.values()))
    programs = [command.words[0] for command in commands if command.container is None]
    wanted = [*topology.requires, *programs, *([find_python()] if uses_python else [])]
    return [name for name in dict.fromkeys(wanted) if commands[0].find(name) is None]


def list_commands(topology: Topology) -> tuple[ServerCommand, ...]:
    """Return the commands of a topology that is not to be started, those that are alike once."""
    processes = tuple(each.model_copy(update={"instances": 1}) for each in topology.processes)
    once = topology.model_copy(update={"processes": processes, "replicas": None})
    return ServerCommand.list_of(once, ServerPlace(0, own_ports=(0,) * len(processes)))


def explain_missing_programs(topology: Topology) -> str | None:
    """Return which programs are missing here and what to do about it, in words; None when none is missing."""
    reasons = [_explain_missing(name, folder_of(topology)) for name in find_missing_programs(topology)]
    command = list_commands(topology)[0]
    if command.container and (reason := explain_missing_image(command.container.image, command.env, command.folder)):
        reasons.append(reason)
    return "; ".join(reasons) or None


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
    return find_free_ports(host, 1)[0]


def find_free_ports(host: str, number: int) -> tuple[int, ...]:
    """Return so many different ports of this host on which nothing listened a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(create_socket(host)) for _ in range(number)]
        for sock in sockets:
            sock.bind((host, 0))
        return tuple(int(sock.getsockname()[1]) for sock in sockets)


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

    ``target`` is the place to which the load is sent: a Unix socket if the topology has one, or else ``port`` and those
    of further replicas.

    Raises ServerError when it can't be started.
    """

    def __init__(
        self,
        topology: Topology,
        log: Path,
        cpus: Sequence[int] = (),
        services: Mapping[str, str] = NO_SERVICES,
    ) -> None:
        self._folder = tempfile.mkdtemp(prefix="harness-") if _needs_folder(topology) else None
        folder = _make_inner_folder(self._folder) if self._folder and topology.image else self._folder
        self._log = log
        self.limits: LimitGroup | None = None
        try:
            self.limits = _make_limits(topology)
            place = _choose_place(topology, folder)
            self.port = place.port
            self._commands = ServerCommand.list_of(topology, place, services)
            self.target = _build_target(topology, place)
            _write_files(topology, place)
            _write_variables(self._commands)
            lines = _list_lines(topology, place, self._commands)
            super().__init__(lines, folder_of(topology), log, cpus, self._folder, limits=self.limits)
        except BaseException:
            self._clean_up()
            raise

    @property
    def main_pid(self) -> int | None:
        """The id of the launched process, of a container that of the first process in it; None while there is none."""
        if not self.has_containers:
            return self.pid
        try:
            return find_first_process(psutil.Process(self.guardian_pid).children(recursive=True))
        except psutil.NoSuchProcess:
            return None

    @property
    def has_containers(self) -> bool:
        """True if it runs in containers."""
        return any(command.container for command in self._commands)

    @property
    def location(self) -> str:
        """The place to which the load is sent, in words."""
        if self.target.unix_socket is not None:
            return f"the Unix socket {self.target.unix_socket}"
        elsewhere = "" if self.target.host == LOOPBACK else f" of {self.target.host}"
        return f"port {', '.join(map(str, self.target.ports))}{elsewhere}"

    def stop(self) -> None:
        """See :meth:`SupervisedProcess.stop`."""
        super().stop()
        self._clean_up()  # the guardian does so too, unless it was killed

    def _clean_up(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self.limits is not None:
            self.limits.remove()

    def check_alive(self) -> None:
        """Raise ServerError when the launched process has ended, with the reason and advice."""
        code = self.returncode()
        if code is not None:
            words, number = self._commands[self.ended].words, len(self._commands)
            which = f"command {self.ended + 1} of {number}, {words[0]}: " if number > 1 else ""
            why = explain_exit(code, words, self.guardian_pid, read_failure(self._log))
            raise ServerError("; ".join([which + why, *self.describe_oom_kills()]))

    def describe_oom_kills(self) -> Iterator[str]:
        """Yield how many of its processes the kernel killed for their memory, if it did."""
        if self.limits is not None and (killed := self.limits.read_counters().oom_kills):
            limit = size_text(self.limits.limits.memory_bytes or 0)
            yield f"the kernel killed {killed} of its processes, which used up the memory limit of {limit}"


def _choose_place(topology: Topology, folder: str | None) -> ServerPlace:
    """Return a place for the server, with ports that are free. Raises ServerError where nothing can listen."""
    instances = sum(each.instances for each in topology.processes if has_own_port(topology, each))
    number = (topology.replicas or 1) - 1 + instances
    try:
        first, *others = find_free_ports(topology.host, 1 + number)
    except OSError as error:
        raise ServerError(f"nothing can listen on {topology.host}: {error.strerror}") from error
    is_fresh = topology.listens_on_unix_socket and topology.unix_socket is None
    unix_socket = f"{folder}/socket" if is_fresh else _fixed_socket_path(topology, folder_of(topology))
    return ServerPlace(topology.port or first, tuple(others), unix_socket, folder)


def _list_lines(topology: Topology, place: ServerPlace, commands: Sequence[ServerCommand]) -> list[CommandLine]:
    """Return what is started. A front waits until the workers behind it listen, each at its port."""
    instances, host = place.list_instances(topology), WILDCARD_ADDRESSES.get(topology.host, topology.host)
    behind = [
        str(each.port)
        for each in instances
        if each.role == "worker" and any("{port}" in text for text in (*each.words, *topology.env.values()))
    ]
    waiting = (sys.executable, "-I", front.__file__, host, ",".join(behind)) if behind else ()
    return [
        CommandLine((*waiting, *command.words) if each.role == "front" else command.words, command.env, command.removal)
        for each, command in zip(instances, commands, strict=True)
    ]


def _write_files(topology: Topology, place: ServerPlace) -> None:
    """Write the files of the topology into the folder of the trial. Raises ServerError."""
    names = {file.name: os.path.join(place.folder or "", file.name) for file in topology.files}
    instances = [
        {"number": each.number, "host": topology.host, "port": each.port}
        for each in place.list_instances(topology)
        if each.role == "worker"
    ]
    known = {
        **(topology.cell.values if topology.cell else {}),
        "port": place.port,
        "host": topology.host,
        "folder": place.folder,
        "root": root_of(topology),
        "workers": topology.workers,
        "replicas": topology.replicas,
        "instances": instances,
        "files": names,
    }
    for file in topology.files:
        try:
            text = _TEMPLATES.from_string(file.text or "").render(known)
            Path(names[file.name]).write_text(text, encoding="utf-8")
            if topology.image is not None:
                Path(names[file.name]).chmod(0o644)  # its server may be of another user
        except Exception as error:  # whatever a template calls may raise
            raise ServerError(f"file {file.name}: {error}") from error


def _make_inner_folder(folder: str) -> str:
    """Make a folder in a folder that nobody else may enter, to which everybody in a container may write."""
    inner = os.path.join(folder, "trial")
    os.mkdir(inner)
    os.chmod(inner, 0o777)
    return inner


def _write_variables(commands: Sequence[ServerCommand]) -> None:
    """Write the variables of containers into files of their own. Raises ServerError."""
    for command in commands:
        if command.container:
            if broken := [name for name, value in command.container.variables.items() if "\n" in value]:
                raise ServerError(f"{broken[0]} has a line break, which podman can't hand on to a container")
            try:
                command.container.write_variables()
            except OSError as error:
                raise ServerError(f"{command.container.env_file}: {error.strerror}") from error


def limits_of(topology: Topology) -> Limits:
    """Return what the topology may use."""
    return Limits(topology.cpus, topology.memory_bytes)


def _make_limits(topology: Topology) -> LimitGroup | None:
    """Return the control group of the topology; None where it has no limits. Raises ServerError."""
    limits = limits_of(topology)
    try:
        return make_group(limits, Host.here()) if limits.controllers else None
    except LimitError as error:
        raise ServerError(str(error)) from error


def _needs_folder(topology: Topology) -> bool:
    is_fresh = topology.listens_on_unix_socket and topology.unix_socket is None
    return is_fresh or bool(topology.files) or topology.image is not None or "folder" in placeholders_of(topology)


def _fixed_socket_path(topology: Topology, folder: str) -> str | None:
    if topology.unix_socket is None:
        return None
    return os.path.normpath(os.path.join(folder, topology.unix_socket))


def _build_target(topology: Topology, place: ServerPlace) -> Target:
    """Return the target of the load. Its certificate is verified only if the topology has a ``ca_file``.

    Raises ServerError when the path of the Unix socket is too long.
    """
    tls = Tls(verify=topology.ca_file is not None, ca_file=topology.ca_file) if topology.scheme == "https" else None
    unix_socket = place.unix_socket
    if unix_socket is None:
        host = WILDCARD_ADDRESSES.get(topology.host, topology.host)
        others = place.own_ports if topology.replicas else ()
        return Target(host=host, port=place.port, replica_ports=others, balance=topology.balance, tls=tls)
    if len(os.fsencode(unix_socket)) > MAX_SOCKET_PATH_BYTES:
        raise ServerError(f"the path of a Unix socket has {MAX_SOCKET_PATH_BYTES} bytes at most, not so {unix_socket}")
    return Target(host="localhost", port=DEFAULT_PORTS[topology.scheme], unix_socket=unix_socket, tls=tls)
