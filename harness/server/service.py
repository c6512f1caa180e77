"""A service beside the server: launched as its users launch it, waited for, and stopped with all its descendants."""

import contextlib
import http.client
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.scenario.event import KNOWN_TO_EVENTS, Event
from harness.scenario.placeholders import ENV, check_placeholders, fill, look_up, variables_of
from harness.scenario.service import KNOWN_TO_HOOKS, KNOWN_TO_SERVICES, Hook, Service
from harness.server.launch import (
    ServerCommand,
    build_environment,
    check_port_is_free,
    find_free_port,
    find_python,
    read_log_tail,
)
from harness.server.supervised import CommandLine, ServerError, SupervisedProcess

POLL_S: Final = 0.05
CONNECT_S: Final = 1.0  # for one attempt to reach the service
PREPARE_S: Final = 120.0
KNOWN_TO_ANY: Final = (*KNOWN_TO_SERVICES, *KNOWN_TO_HOOKS, *KNOWN_TO_EVENTS)


@dataclass(frozen=True)
class UpService:
    """A service that was ready. ``values`` fill the placeholders that refer to it. ``process`` is None for one that the
    harness did not start."""

    name: str
    values: Mapping[str, str]
    process: SupervisedProcess | None

    @property
    def root_pid(self) -> int | None:
        """The process from which all of its own descend."""
        return self.process.guardian_pid if self.process else None

    @property
    def place(self) -> tuple[str, int]:
        """The host and the port at which it is."""
        host, port = (self.values[f"service.{self.name}.{key}"] for key in ("host", "port"))
        return host, int(port)

    def check_alive(self) -> None:
        """Raise ServerError when it has ended or, where the harness did not start it, when nobody listens any more."""
        if self.process is not None and (code := self.process.returncode()) is not None:
            raise ServerError(f"service {self.name}: has ended, with exit code {code}")
        if self.process is None:
            try:
                socket.create_connection(self.place, CONNECT_S).close()
            except OSError as error:
                where = ":".join(map(str, self.place))
                raise ServerError(f"service {self.name}: {where} is not there any more: {error.strerror}") from error


@contextlib.contextmanager
def launch_service(
    service: Service, log: Path, cpus: Sequence[int], others: Sequence[UpService]
) -> Iterator[UpService]:
    """Launch a service, or look for it at its address, and wait until it is ready; stop it on leaving. ``others`` are
    those to which it may refer. Raises ServerError."""
    with contextlib.ExitStack() as stack:
        try:
            up = _launch(service, log, cpus, others, stack)
        except ServerError as error:
            raise ServerError(f"service {service.name}: {error}") from error
        yield up


def _launch(
    service: Service, log: Path, cpus: Sequence[int], others: Sequence[UpService], stack: contextlib.ExitStack
) -> UpService:
    """Launch a service, to be stopped with the stack, and wait until it is ready. Raises ServerError."""
    host, port = service.place or (service.host, find_free_port(service.host))
    own = {"host": host, "port": str(port)}
    if service.address is not None:
        _wait(service, own, log, 0, None)
        return UpService(service.name, _values_of(service, own), None)
    try:
        check_port_is_free(host, port)
    except OSError as error:
        raise ServerError(f"port {port} of {host}: {error.strerror}") from error
    own["folder"] = folder = tempfile.mkdtemp(prefix="harness-")
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    values = common_values() | own | values_of(others)
    env = _environment_of(service, values)
    if service.prepare:
        run_command("prepare", fill_all(service.prepare, values), env, service.cwd, log, PREPARE_S, folder)
    begin, words = log.stat().st_size if log.exists() else 0, fill_all(service.command, values)
    process = stack.enter_context(SupervisedProcess([CommandLine(words, env)], service.cwd, log, cpus, folder))
    _wait(service, values, log, begin, process)
    return UpService(service.name, _values_of(service, own), process)


def command_of(service: Service) -> ServerCommand:
    """Return the command of a service that is not to be started. What is not known before stays as it is written."""
    values = common_values() | look_up(variables_of(service.placeholders), os.environ)
    env = {name: _fill_known(text, values) for name, text in service.env.items()}
    words = tuple(_fill_known(word, values) for word in service.command)
    return ServerCommand(words, build_environment(service.pass_env) | env, service.cwd)


def _fill_known(text: str, values: Mapping[str, str]) -> str:
    return fill(text, values) if check_placeholders([text], (*KNOWN_TO_ANY, ENV)) <= values.keys() else text


def find_missing_program(service: Service) -> str | None:
    """Return the program of the service that this machine does not have; None where it has them."""
    return _find_missing(service.env, (service.prepare, service.command, service.ready_command))


def find_missing_hook_program(hook: Hook) -> str | None:
    """Return the program of the hook, if this machine does not have it."""
    return _find_missing(hook.env, (hook.command,))


def find_missing_event_program(event: Event) -> str | None:
    """Return the program that the event runs, if this machine does not have it."""
    return _find_missing({}, (event.run,))


def _find_missing(env: Mapping[str, str], commands: Sequence[Sequence[str]]) -> str | None:
    """Return the first program that is not there. One in a folder that is not there yet may come to be."""
    values, path = common_values(), env.get("PATH", os.environ.get("PATH", os.defpath))
    words = [words[0] for words in commands if words]
    known = [fill(word, values) for word in words if check_placeholders([word], KNOWN_TO_ANY) <= values.keys()]
    return next((name for name in known if shutil.which(name, path=path) is None), None)


def values_of(services: Sequence[UpService]) -> dict[str, str]:
    """Return the values by the placeholders that refer to these services."""
    return {name: value for each in services for name, value in each.values.items()}


def run_hook(name: str, hook: Hook, topology: str, services: Sequence[UpService], log: Path) -> None:
    """Run a hook to its end. Raises ServerError, with what it wrote, where it fails or takes too long."""
    values = common_values() | {"topology": topology} | values_of(services)
    words, env = fill_all(hook.command, values), _environment_of(hook, values)
    run_command(f"hook {name}", words, env, hook.cwd, log, hook.timeout_s)


def run_command(
    what: str,
    words: Sequence[str],
    env: Mapping[str, str],
    cwd: str,
    log: Path,
    limit_s: float,
    folder: str | None = None,
) -> None:
    """Run a command to its end, with all that it starts; ``folder`` goes where the harness ends before it. Raises
    ServerError, with the last that it wrote, where it fails or takes too long."""
    try:
        with SupervisedProcess([CommandLine(words, env)], cwd, log, (), folder, keeps_folder=True) as process:
            code = process.wait(limit_s)
    except ServerError as error:
        raise ServerError(f"{what}: {words[0]} {error}") from error
    if code:
        raise ServerError(f"{what}: {_describe_exit(words[0], code, log)}")


def common_values() -> dict[str, str]:
    """Return the values that every command may have."""
    return {"python": find_python(), "harness_python": sys.executable, "root": os.getcwd()}


def fill_all(words: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Return the words with their placeholders filled."""
    return [fill(word, values) for word in words]


def _environment_of(command: Service | Hook, values: Mapping[str, str]) -> dict[str, str]:
    variables = look_up(variables_of(command.placeholders), os.environ)
    declared = {name: fill(text, {**values, **variables}) for name, text in command.env.items()}
    return build_environment(command.pass_env) | declared


def _values_of(service: Service, own: Mapping[str, str]) -> dict[str, str]:
    return {f"service.{service.name}.{key}": value for key, value in own.items()}


def _describe_exit(program: str, code: int, log: Path, advice: str = "") -> str:
    said = "; ".join(read_log_tail(log)[-3:])
    return f"{program} ended with exit code {code}{advice}{f': {said}' if said else ''}"


def _wait(
    service: Service, values: Mapping[str, str], log: Path, begin: int, process: SupervisedProcess | None
) -> None:
    """Wait until the service is ready, whose output is the log from ``begin`` on. Raises ServerError when it is not in
    time, or has ended."""
    deadline_s = time.monotonic() + service.start_timeout_s
    while not _is_ready(service, values, log, begin):
        if process is not None and (code := process.returncode()) is not None:
            advice = " (exit code 0: it went into the background; have it stay in the foreground)" if code == 0 else ""
            raise ServerError(_describe_exit(fill(service.command[0], values), code, log, advice))
        if time.monotonic() > deadline_s:
            where = service.address or f"port {values['port']}"
            raise ServerError(
                f"was not ready after {service.start_timeout_s:g} s ({where}, {_describe_readiness(service)})"
            )
        time.sleep(POLL_S)


def _describe_readiness(service: Service) -> str:
    if service.ready_path is not None:
        return f"GET {service.ready_path}"
    if service.ready_log is not None:
        return f"{service.ready_log!r} in its output"
    return " ".join(service.ready_command) or "a listener"


def _is_ready(service: Service, values: Mapping[str, str], log: Path, begin: int) -> bool:
    if service.ready_log is not None:
        return service.ready_log.encode() in log.read_bytes()[begin:]
    if service.ready_command:
        words = fill_all(service.ready_command, values)
        with contextlib.suppress(ServerError):
            env = _environment_of(service, values)
            run_command("ready_command", words, env, service.cwd, log, service.start_timeout_s)
            return True
        return False
    host, port = values["host"], int(values["port"])
    with contextlib.suppress(OSError, http.client.HTTPException):
        if service.ready_path is None:
            socket.create_connection((host, port), CONNECT_S).close()
            return True
        with contextlib.closing(http.client.HTTPConnection(host, port, timeout=CONNECT_S)) as connection:
            connection.request("GET", service.ready_path)
            return connection.getresponse().status < http.HTTPStatus.BAD_REQUEST
    return False
