"""A port on which connections are refused, for as long as the context lasts."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.generator.scripted_server import HOST


@contextmanager
def closed_port() -> Iterator[int]:
    """Bound, so that nobody else gets it, and never listened on."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
        yield port
