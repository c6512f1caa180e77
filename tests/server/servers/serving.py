"""The little HTTP that these servers speak: a thread for each connection, one answer to every request."""

import argparse
import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Final, NoReturn

HOST: Final = "127.0.0.1"
BODY: Final = b"twelve bytes"
READ_BYTES: Final = 64 * 1024
PAUSE_S: Final = 0.003  # before every answer, so that those who load it keep no core busy
WORK_S: Final = 0.002  # of CPU, for the answers of those that work

Answer = Callable[[], bytes]


def options(*kinds: str, **defaults: int) -> argparse.Namespace:
    """``--port``, one of the ``kinds`` if there are any, and one more whole number for each default, from the command
    line."""
    parser = argparse.ArgumentParser()
    if kinds:
        parser.add_argument("kind", choices=kinds)
    parser.add_argument("--port", type=int, required=True)
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def listen(port: int, share: bool = False) -> socket.socket:
    """A listener; with ``share`` others may listen on its port too."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT if share else socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(1024)
    return listener


def response(body: bytes = BODY, status: str = "200 OK", worker: str = "", location: str = "") -> bytes:
    """A whole response; ``worker`` is this process unless something else is given."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", f"X-Worker: {worker or os.getpid()}"]
    if location:
        lines.append(f"Location: {location}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def work() -> bytes:
    """Answer after some work."""
    until_s = time.thread_time() + WORK_S
    while time.thread_time() < until_s:
        pass
    return response()


def serve(listener: socket.socket, answer: Answer = response) -> NoReturn:
    """Answer every request on every connection."""
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_converse, args=(connection, answer), daemon=True).start()


def _converse(connection: socket.socket, answer: Answer) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    received = b""
    with connection, contextlib.suppress(ConnectionError):  # a client that has gone is no fault
        while data := connection.recv(READ_BYTES):
            received += data
            while (end := received.find(b"\r\n\r\n")) >= 0:
                received = received[end + 4 :]
                time.sleep(PAUSE_S)
                connection.sendall(answer())
