"""Topologies of the small servers in this folder."""

import sys
from pathlib import Path
from typing import Final

from harness.scenario import Topology

ROOT: Final = Path(__file__).parents[2]
SERVERS: Final = "tests.server.servers"
NODE_PAGE: Final = Path(__file__).parent / "servers" / "node_page.js"


def topology(*command: str, workers: int | None = None, port: int | None = None, **env: str) -> Topology:
    """Any command, run where the modules of these tests are found."""
    return Topology(
        name="test", family="test", command=command, workers=workers, port=port, env={"PYTHONPATH": str(ROOT), **env}
    )


def small(server: str, *arguments: str, workers: int | None = None, port: int | None = None) -> Topology:
    """One of the small servers."""
    command = ("{harness_python}", "-m", f"{SERVERS}.{server}", "--port", "{port}", *arguments)
    return topology(*command, workers=workers, port=port)


def prefork(workers: int, *arguments: str) -> Topology:
    """The small cluster."""
    return small("prefork", "--workers", "{workers}", *arguments, workers=workers)


def behind_shell() -> Topology:
    """One process behind a wrapper that waits for it."""
    return topology("sh", "-c", f'"$0" -m {SERVERS}.page --port "$1"; echo over', sys.executable, "{port}")


def gunicorn(workers: int) -> Topology:
    """A gunicorn cluster of the cart."""
    app = ("servers.aiohttp_cart:app", "-k", "aiohttp.GunicornWebWorker", "--no-control-socket")
    return topology(
        "{harness_python}", "-m", "gunicorn", *app, "-b", "{host}:{port}", "-w", "{workers}", workers=workers
    )


def uvicorn(workers: int) -> Topology:
    """A uvicorn cluster of the page."""
    address = ("--host", "{host}", "--port", "{port}", "--workers", "{workers}")
    return topology(
        "{harness_python}", "-m", "uvicorn", f"{SERVERS}.asgi_page:app", *address, "--lifespan", "off", workers=workers
    )


def node_cluster() -> Topology:
    """A Node cluster of two."""
    return topology("node", str(NODE_PAGE), "{port}", workers=2)
