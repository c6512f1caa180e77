"""A server on loopback that sends exactly the bytes it is told to, and counts what it received and sent."""

import contextlib
import enum
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

HOST: Final = "127.0.0.1"
PATIENCE_S: Final = 20.0  # the longest that a thread of the server blocks
READ_BYTES: Final = 64 * 1024
SLOW_BUFFER_BYTES: Final = 128 * 1024
SLOW_PAUSE_S: Final = 0.001
HEAD_END: Final = b"\r\n\r\n"
CONTENT_LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
LINGER_NOT: Final = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time, so that closing resets


def nothing() -> None:
    """Wait for nothing."""


class After(enum.Enum):
    """What becomes of the connection once an answer has been sent."""

    KEEP = enum.auto()
    CLOSE = enum.auto()
    RESET = enum.auto()


@dataclass(frozen=True)
class Answer:
    """What one request is answered with, a flush after every piece; ``wait`` is called before the last one.

    Without pieces the request stays unanswered: kept, such a connection stalls.
    """

    pieces: tuple[bytes, ...] = ()
    after: After = After.KEEP
    whole: bool = True  # whether the pieces are one well-formed response, complete
    wait: Callable[[], object] = nothing


Script = Iterator[Answer]


class ScriptedServer:
    """Answers request after request with what ``script`` yields next, over all connections.

    Counts are final once the context has been left. ``hangs_up`` closes every connection as soon as it is accepted;
    ``slow`` reads with little room in the kernel and a pause before every time.
    """

    def __init__(self, script: Script, hangs_up: bool = False, slow: bool = False) -> None:
        self.connections = 0
        self.requests: Counter[bytes] = Counter()  # complete ones, by all of their bytes
        self.sent: Counter[Answer] = Counter()  # those whose last byte was handed to the kernel
        self._script = script
        self._hangs_up = hangs_up
        self._pause_s = SLOW_PAUSE_S if slow else 0.0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket()
        if slow:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BUFFER_BYTES)
        self._listener.bind((HOST, 0))
        self._listener.listen(1024)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    @property
    def responses(self) -> int:
        """Complete responses sent so far."""
        with self._lock:
            return sum(count for answer, count in self.sent.items() if answer.whole)

    def stop(self) -> None:
        """Close every socket and wait for every thread."""
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the acceptor
        self._acceptor.join()
        self._listener.close()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):  # the peer has closed it already
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was shut down
            while True:
                sock, _ = self._listener.accept()
                self.connections += 1
                if self._hangs_up:
                    sock.close()
                else:
                    self._serve_in_thread(sock)

    def _serve_in_thread(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open.add(sock)
        thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError):  # the peer has closed or reset the connection
                self._play(sock)
        finally:
            with self._lock:
                self._open.remove(sock)
                sock.close()

    def _play(self, sock: socket.socket) -> None:
        for request in requests_on(sock, self._pause_s):
            with self._lock:
                self.requests[request] += 1
                answer = next(self._script)
            for piece in answer.pieces[:-1]:
                sock.sendall(piece)
            answer.wait()
            for piece in answer.pieces[-1:]:
                sock.sendall(piece)
            with self._lock:
                self.sent[answer] += 1
            if answer.after is After.RESET:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            if answer.after is not After.KEEP:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def requests_on(sock: socket.socket, pause_s: float) -> Iterator[bytes]:
    """Every complete request that arrives, until the peer closes the connection."""
    received = bytearray()
    while True:
        while (size := _request_bytes(received)) is None:
            if pause_s:
                time.sleep(pause_s)
            data = sock.recv(READ_BYTES)
            if not data:
                return
            received += data
        yield bytes(received[:size])
        del received[:size]


def _request_bytes(received: bytearray) -> int | None:
    """How long the first request is; None when it has not arrived whole."""
    end = received.find(HEAD_END)
    if end < 0:
        return None
    head_bytes = end + len(HEAD_END)
    length = CONTENT_LENGTH.search(received, 0, head_bytes)
    size = head_bytes + int(length[1]) if length else head_bytes
    return size if len(received) >= size else None
