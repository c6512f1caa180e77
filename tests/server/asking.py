"""Asking a server without the harness."""

import socket
from contextlib import closing
from http.client import HTTPConnection

from harness.scenario.topology import LOOPBACK
from tests.server.polling import PATIENCE_S, wait_until


def wait_until_listening(port: int) -> None:
    """Wait for somebody to listen on the port."""
    wait_until(lambda: is_open(port), f"a listener on port {port}")


def is_open(port: int, host: str = LOOPBACK) -> bool:
    """Whether somebody listens on the port."""
    with socket.socket() as sock:
        return sock.connect_ex((host, port)) == 0


def asked_for(port: int, path: str) -> bytes:
    """The body of the answer to one GET."""
    with closing(HTTPConnection(LOOPBACK, port, timeout=PATIENCE_S)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read()


def worker_that_answers(port: int) -> int:
    """The process that answers one request on a connection of its own."""
    with closing(HTTPConnection(LOOPBACK, port, timeout=PATIENCE_S)) as connection:
        connection.request("GET", "/cart")
        response = connection.getresponse()
        response.read()
        return int(response.headers["X-Worker"])
