"""Real servers, each in a session of its own, started and stopped by process id."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

import psutil
import pytest

ROOT: Final = Path(__file__).parents[2]
HOST: Final = "127.0.0.1"
PATIENCE_S: Final = 20.0
POLL_S: Final = 0.03


@dataclass(frozen=True)
class Entry:
    """One way to start the cart; `workers` is 0 where the started process itself answers."""

    name: str
    command: tuple[str, ...]
    workers: int

    def words(self, port: int) -> list[str]:
        """The command line that serves on `port`."""
        return [word.format(port=port) for word in self.command]


def python(module: str, arguments: str) -> tuple[str, ...]:
    """The command line of a Python module."""
    return (sys.executable, "-m", module, *arguments.split())


def node(script: str, arguments: str) -> tuple[str, ...]:
    """The command line of one of our Node scripts."""
    return ("node", f"servers/node_cart/{script}", *arguments.split())


AIOHTTP: Final = Entry("aiohttp", python("servers.aiohttp_cart", "--port {port}"), workers=0)
AIOHTTP_GUNICORN: Final = Entry(
    "aiohttp-gunicorn",
    python(
        "gunicorn",
        "servers.aiohttp_cart:app -k aiohttp.GunicornWebWorker -w 2 -b 127.0.0.1:{port} --no-control-socket",
    ),
    workers=2,
)
UVICORN: Final = Entry("uvicorn", python("uvicorn", "servers.asgi_cart:app --port {port}"), workers=0)
UVICORN_WORKERS: Final = Entry(
    "uvicorn-workers", python("uvicorn", "servers.asgi_cart:app --port {port} --workers 2"), workers=2
)
UVICORN_GUNICORN: Final = Entry(
    "uvicorn-gunicorn",
    python(
        "gunicorn",
        "servers.asgi_cart:app -k uvicorn_worker.UvicornWorker -w 2 -b 127.0.0.1:{port} --no-control-socket",
    ),
    workers=2,
)
NODE: Final = Entry("node", node("server.js", "--port {port}"), workers=0)
NODE_CLUSTER: Final = Entry("node-cluster", node("cluster.js", "--port {port} --workers 2"), workers=2)

PYTHON_ENTRIES: Final = (AIOHTTP, AIOHTTP_GUNICORN, UVICORN, UVICORN_WORKERS, UVICORN_GUNICORN)
NODE_ENTRIES: Final = (NODE, NODE_CLUSTER)

needs_node: Final = pytest.mark.skipif(shutil.which("node") is None, reason="node is not on PATH")
ALL_ENTRIES: Final = (
    *(pytest.param(entry, id=entry.name) for entry in PYTHON_ENTRIES),
    *(pytest.param(entry, id=entry.name, marks=needs_node) for entry in NODE_ENTRIES),
)


@dataclass(frozen=True)
class Reply:
    """A whole response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def worker(self) -> int:
        """The id of the process that answered."""
        return int(self.headers["x-worker"])


@dataclass(frozen=True)
class Server:
    """A running entry: its first process, its port, and the file with all it wrote."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def connect(self) -> HTTPConnection:
        """A connection that is kept alive until it is closed."""
        return HTTPConnection(HOST, self.port, timeout=PATIENCE_S)

    def ask(self, method: str, target: str) -> Reply:
        """The answer to one request on a connection of its own."""
        with closing(self.connect()) as connection:
            return exchange(connection, method, target)

    def workers(self, count: int) -> set[int]:
        """The ids of the processes that answer, as soon as `count` of them have done so."""
        seen: set[int] = set()

        def all_seen() -> bool:
            seen.update(self.ask_at_once(4))
            return len(seen) >= count

        wait_until(all_seen, f"{count} different workers")
        return seen

    def ask_at_once(self, count: int) -> set[int]:
        """The ids of the processes that answer `count` simultaneous requests."""
        connections = [self.connect() for _ in range(count)]
        try:
            for connection in connections:
                connection.request("GET", "/cart")
            return {read_reply(connection).worker for connection in connections}
        finally:
            for connection in connections:
                connection.close()

    def answers(self) -> bool:
        """Whether the page can be had by now; a server that is no longer there fails the test."""
        assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.log.read_text()}"
        with suppress(OSError, HTTPException):
            return self.ask("GET", "/cart").status == 200
        return False


def exchange(connection: HTTPConnection, method: str, target: str) -> Reply:
    """The answer to one request on `connection`."""
    connection.request(method, target)
    return read_reply(connection)


def read_reply(connection: HTTPConnection) -> Reply:
    """The answer to the request that was sent on `connection`."""
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Reply(response.status, headers, response.read())


@contextmanager
def launched(entry: Entry, coupons: int | str, log: Path) -> Iterator[Server]:
    """`entry` as a process in a session of its own; the whole session is gone afterwards."""
    port = free_port()
    with (
        log.open("wb") as output,
        subprocess.Popen(
            entry.words(port),
            cwd=ROOT,
            env={**os.environ, "CART_COUPONS": str(coupons)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Server(process, port, log)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def serving(entry: Entry, coupons: int, log: Path) -> Iterator[Server]:
    """`entry`, ready to answer."""
    with launched(entry, coupons, log) as server:
        wait_until(server.answers, f"{entry.name} to answer")
        yield server


def free_port() -> int:
    """A port of the loopback address on which nothing listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll `condition` until it holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:g} s for {what}"
        time.sleep(POLL_S)


def is_alive(pid: int) -> bool:
    """Whether process `pid` exists and is more than a zombie."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
