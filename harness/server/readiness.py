"""When a server is ready to be measured: it answers, it is ours, its workers are there, and it has gone quiet."""

import contextlib
import hashlib
import http.client
import time
from dataclasses import dataclass
from typing import Final

import psutil

from harness.generator.load import Request
from harness.record import ServerProcess
from harness.server.census import listeners, take_census, workers_of
from harness.server.guarded import ServerError
from harness.server.launch import HOST, PortTakenError, Server

POLL_S: Final = 0.05
ANSWER_S: Final = 5.0  # the most that one answer is waited for
QUIET_S: Final = 0.1
QUIET_CPU_S: Final = 0.02  # less than this in QUIET_S: nothing is being imported or compiled any more
LOUD_S: Final = 3.0  # a server that never goes quiet is measured all the same


@dataclass(frozen=True)
class Ready:
    """A ready server. ``body_sha256`` is None when it does not answer the same request with the same bytes."""

    ready_s: float
    census: list[ServerProcess]
    body_bytes: int
    body_sha256: str | None


@dataclass(frozen=True)
class Answer:
    """What came back for one request; ``location`` is where a redirect leads."""

    status: int
    body: bytes
    location: str | None


def wait_until_ready(server: Server, request: Request, workers: int | None, timeout_s: float) -> Ready:
    """Wait for a 2xx from a listener of our own and for the expected workers.

    Raises ServerError, saying what was still missing, when the server exits, does not speak HTTP, is a stranger
    or is not ready after ``timeout_s``.
    """
    began_s = time.monotonic()
    missing = "it does not listen"
    while time.monotonic() - began_s < timeout_s:
        _check_alive(server)
        missing = _missing(server, request, workers, min(ANSWER_S, began_s + timeout_s - time.monotonic()))
        if not missing:
            ready_s = time.monotonic() - began_s
            _wait_until_quiet(server)
            server.check_alive()  # it may have left the answer to a child, and gone
            return _describe(server, request, ready_s)
        time.sleep(POLL_S)
    raise ServerError(f"not ready after {timeout_s:g} s: {missing}")


def _check_alive(server: Server) -> None:
    """Raise ServerError when it has ended; as most servers do that find their port taken, which is then the reason."""
    try:
        server.check_alive()
    except ServerError:
        _check_port(server, listeners(server)[1])
        raise


def _check_port(server: Server, strangers: list[str]) -> None:
    if strangers:
        raise PortTakenError(f"port {server.port} is in use by {', '.join(strangers)}, not by the server just launched")


def _missing(server: Server, request: Request, workers: int | None, patience_s: float) -> str:
    """What still keeps the server from being ready; empty when nothing does."""
    ours, strangers = listeners(server)
    _check_port(server, strangers)
    if not ours:
        return f"it does not listen on port {server.port}"
    try:
        answer = ask(server.port, request, patience_s)
    except OSError as error:
        return f"no answer to {request.method} {request.path}: {error}"
    if not 200 <= answer.status < 300:
        return f"{request.method} {request.path} is answered with status {answer.status}"
    found = len(workers_of(take_census(server)))
    if workers is not None and found < workers:
        return f"{found} of {workers} workers exist"
    return ""


def ask(port: int, request: Request, patience_s: float) -> Answer:
    """Send the request once. Raises OSError; ServerError when the answer is not HTTP."""
    connection = http.client.HTTPConnection(HOST, port, timeout=max(patience_s, POLL_S))
    try:
        connection.request(request.method, request.path, request.body or None, dict(request.headers))
        response = connection.getresponse()
        return Answer(response.status, response.read(), response.getheader("Location"))
    except http.client.RemoteDisconnected as error:
        raise ConnectionResetError("closed without an answer") from error
    except http.client.HTTPException as error:
        raise ServerError(f"the answer on port {port} is not HTTP: {error!r:.100}") from error
    finally:
        connection.close()


def _describe(server: Server, request: Request, ready_s: float) -> Ready:
    try:
        first, second = (ask(server.port, request, ANSWER_S) for _ in range(2))
    except OSError as error:
        raise ServerError(f"answered once and then no more: {error}") from error
    digest = hashlib.sha256(first.body).hexdigest() if first.body == second.body else None
    return Ready(ready_s, take_census(server), len(first.body), digest)


def _wait_until_quiet(server: Server) -> None:
    """Wait until the last worker has started up, which an answer by the first does not tell."""
    deadline_s = time.monotonic() + LOUD_S
    before_s = _cpu_s(server)
    while time.monotonic() < deadline_s:
        time.sleep(QUIET_S)
        now_s = _cpu_s(server)
        if now_s - before_s < QUIET_CPU_S:
            return
        before_s = now_s


def _cpu_s(server: Server) -> float:
    total_s = 0.0
    for process in take_census(server):
        with contextlib.suppress(psutil.NoSuchProcess):
            cpu = psutil.Process(process.pid).cpu_times()
            total_s += cpu.user + cpu.system
    return total_s
