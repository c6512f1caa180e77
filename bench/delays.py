"""A server that knows the truth: it draws how long each answer takes, and logs how long it really took.

Run as ``python -m bench.delays DISTRIBUTION [SEED]``. It prints its port; told to end (SIGTERM), it prints one JSON
object: ``took_ns``, how long each answer took from the arrival of its request.

A request arrives when the kernel receives it (SO_TIMESTAMPNS), not when this process gets round to reading it: the
time that a server lets a request wait is the server's, and a client rightly counts it.
"""

import asyncio
import json
import random
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Final

ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nwaited"
HEAD_END: Final = b"\r\n\r\n"
READ_BYTES: Final = 65_536

SO_TIMESTAMPNS: Final = 35  # <asm-generic/socket.h>; the socket module does not name it
TIMESPEC: Final = struct.Struct("@ll")  # seconds and nanoseconds of CLOCK_REALTIME

Draw = Callable[[random.Random], float]

DISTRIBUTIONS: Final[dict[str, Draw]] = {  # seconds; every mean is 5 to 8 ms
    "none": lambda dice: 0.0,
    "fixed": lambda dice: 0.005,
    "exponential": lambda dice: dice.expovariate(1 / 0.005),
    "lognormal": lambda dice: dice.lognormvariate(-5.5, 0.8),
    "bimodal": lambda dice: 0.002 if dice.random() < 0.9 else 0.060,
}


@dataclass
class Log:
    """What the server saw."""

    took_ns: list[int] = field(default_factory=list)


class Connection:
    """One connection, one request at a time."""

    def __init__(self, sock: socket.socket, delay_s: Callable[[], float], log: Log) -> None:
        self._sock, self._delay_s, self._log = sock, delay_s, log
        self._loop = asyncio.get_running_loop()
        self._received = b""
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._loop.add_reader(sock, self._read)

    def _read(self) -> None:
        try:
            data, received, _, _ = self._sock.recvmsg(READ_BYTES, socket.CMSG_SPACE(TIMESPEC.size))
        except ConnectionError:
            data = b""
        if not data:
            self._loop.remove_reader(self._sock)
            self._sock.close()
            return
        self._received += data
        if self._received.endswith(HEAD_END):
            self._received = b""
            self._answer_later(_arrived_ns(received))

    def _answer_later(self, arrived_ns: int) -> None:
        delay_s = self._delay_s()
        if delay_s:
            self._loop.call_later(delay_s, self._answer, arrived_ns)
        else:
            self._answer(arrived_ns)

    def _answer(self, arrived_ns: int) -> None:
        if self._sock.fileno() < 0:
            return
        self._log.took_ns.append(time.time_ns() - arrived_ns)
        try:
            self._sock.send(ANSWER)
        except ConnectionError:  # the reader hears of it too
            return


def _arrived_ns(received: list[tuple[int, int, bytes]]) -> int:
    """When the kernel received what was read, by CLOCK_REALTIME."""
    for level, kind, value in received:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = TIMESPEC.unpack(value)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return time.time_ns()  # received before the socket was told to stamp: the first request of a connection


async def serve(draw: Draw, seed: int) -> None:
    """Serve until SIGTERM."""
    log = Log()
    dice, loop, ended = random.Random(seed), asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listener.setblocking(False)
    loop.add_reader(listener, lambda: Connection(listener.accept()[0], lambda: draw(dice), log))
    print(listener.getsockname()[1], flush=True)
    await ended.wait()
    print(json.dumps(asdict(log)), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(DISTRIBUTIONS[sys.argv[1]], int(sys.argv[2]) if len(sys.argv) > 2 else 1))
