"""What the tools are let loose on: nginx and a server that sleeps, each a single process on one core.

nginx is faster than any of the tools and so shows their price. The sleeping server's requests/s hang on time alone, so
it shows whether the tools agree on requests/s and on latency.
"""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.sleeper import SLEEP_S

HOSTS: Final = ("127.0.0.1", "127.0.0.2")  # who can connect from one address alone has twice the ports
HOST: Final = HOSTS[0]
SERVER_CORE: Final = "0"
BODIES_BYTES: Final = (12, 77_000)
FEW, MANY = 40, 1000  # connections

# The backlog lets all connections be opened at once; with a shorter one, some are only opened a second later.
NGINX_CONF: Final = """
daemon off; worker_processes {workers}; worker_rlimit_nofile 20000; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 19900; }}
http {{
  access_log off; default_type text/plain; keepalive_requests 1000000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ {listens} root {folder}; }}
}}
"""


@dataclass(frozen=True)
class Target:
    """A page of a running server, and how many connections are kept to it."""

    title: str
    url: str
    connections: int


@contextmanager
def running_targets() -> Iterator[list[Target]]:
    """Start both servers; they end with the context."""
    with nginx() as nginx_url, sleeper() as sleeper_url:
        pages = [
            Target(f"nginx, {size:,} B, {connections:,} connections", f"{nginx_url}/{size}.txt", connections)
            for connections in (FEW, MANY)
            for size in BODIES_BYTES
        ]
        title = f"a server that sleeps {SLEEP_S * 1000:.0f} ms, 12 B, {FEW} connections"
        yield [*pages, Target(title, f"{sleeper_url}/", FEW)]


@contextmanager
def nginx(workers: int = 1) -> Iterator[str]:
    """The URL of nginx with a file for each body. Workers share the core, and the connections evenly."""
    port = _free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # the worker is not root
        listens = " ".join(f"listen {host}:{port} backlog=4096 reuseport;" for host in HOSTS)
        (folder / "nginx.conf").write_text(NGINX_CONF.format(folder=folder, listens=listens, workers=workers))
        for size_bytes in BODIES_BYTES:
            (folder / f"{size_bytes}.txt").write_bytes(b"x" * size_bytes)
        with _pinned(["nginx", "-p", name, "-c", str(folder / "nginx.conf")], port):
            yield f"http://{HOST}:{port}"


@contextmanager
def sleeper() -> Iterator[str]:
    """The URL of the sleeping server."""
    port = _free_port()
    with _pinned([sys.executable, "-m", "bench.sleeper", str(port)], port):
        yield f"http://{HOST}:{port}"


@contextmanager
def _pinned(command: list[str], port: int) -> Iterator[None]:
    """A server on a core of its own, from when it listens."""
    process = subprocess.Popen(
        ["taskset", "-c", SERVER_CORE, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port, process)
        yield
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        with socket.socket() as sock:
            if sock.connect_ex((HOST, port)) == 0:
                return
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with exit code {process.returncode}")
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return int(sock.getsockname()[1])
