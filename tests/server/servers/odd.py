"""Workers that share a listener, and answer in one of many ways: ``--kind`` says which, ``--workers`` how many."""

import argparse
import gzip
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Final

from tests.server.servers.serving import BODY, READ_BYTES, listen, response

ASKED: Final = count()
POSTED: Final[list[str]] = []
OPEN: Final[set[socket.socket]] = set()
BEGAN_S: Final = time.monotonic()


def warms_up() -> bytes:
    """503 a few times, then well for ever."""
    return response() if next(ASKED) > 2 else response(status="503 Service Unavailable")


def busiest() -> bytes:
    """As of workers of which the first takes every connection while it has no other."""
    return response(b"first worker" if len(OPEN) == 1 else b"other worker")


def unique(method: str) -> bytes:
    """Creates something once; GET tells how often that was tried."""
    if method == "GET":
        return response(b"%d" % len(POSTED))
    POSTED.append(method)
    return response(status="201 Created" if len(POSTED) == 1 else "409 Conflict")


ANSWERS: Final[dict[str, Callable[[], bytes]]] = {
    "page": response,
    "warms-up": warms_up,
    "time": lambda: response(b"%d" % time.time()),
    "uptime": lambda: response(b"up for %d s" % (time.monotonic() - BEGAN_S)),
    "pid": lambda: response(b"process %d" % os.getpid()),
    "busiest": busiest,
    "token": lambda: response(secrets.token_hex().encode()),
    "gzip": lambda: response(gzip.compress(BODY)),
    "host": lambda: response(socket.gethostname().encode()),
    "302": lambda: response(b"", "302 Found", location="/elsewhere"),
    "401": lambda: response(b"who?", "401 Unauthorized"),
    "404": lambda: response(b"", "404 Not Found"),
    "close": lambda: response().replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Content-Length: 12\r\n", b""),
    "chunked": lambda: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n" + BODY + b"\r\n0\r\n\r\n",
}


def converse(connection: socket.socket, kind: str) -> None:
    """Answer the requests of a connection; ``stream`` never ends, ``close`` ends with the connection."""
    OPEN.add(connection)
    with connection:
        while data := connection.recv(READ_BYTES):
            method, path = data.decode().split()[:2]
            if path == "/health":
                connection.sendall(response(b"healthy"))
            elif kind == "unique":
                connection.sendall(unique(method))
            elif kind == "stream":
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                while True:
                    connection.sendall(b"data: x\n\n")
                    time.sleep(0.01)
            elif method == "HEAD":
                connection.sendall(response().removesuffix(BODY))
            else:
                connection.sendall(ANSWERS[kind]())
            if kind == "close":
                return
        OPEN.remove(connection)


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--kind", default="page")
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    listener = listen(asked.port)
    for _ in range(asked.workers - 1):
        if os.fork() == 0:
            break
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=converse, args=(connection, asked.kind), daemon=True).start()


if __name__ == "__main__":
    main()
