"""A server that knows the truth: it draws how long each answer takes, and logs how long it really took.

Run as ``python -m bench.delays DISTRIBUTION [SEED]``. It prints its port; told to end (SIGTERM), it prints one JSON
object: ``took_ns``, how long each answer took from the arrival of its request.
"""

import asyncio
import json
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Final

ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nwaited"
HEAD_END: Final = b"\r\n\r\n"

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


class Delaying(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, draw: Draw, dice: random.Random, log: Log) -> None:
        self._draw, self._dice, self._log = draw, dice, log
        self._transport: asyncio.Transport
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._received.endswith(HEAD_END):
            self._received = b""
            arrived_ns, delay_s = time.monotonic_ns(), self._draw(self._dice)
            if delay_s:
                asyncio.get_running_loop().call_later(delay_s, self._answer, arrived_ns)
            else:
                self._answer(arrived_ns)

    def _answer(self, arrived_ns: int) -> None:
        self._log.took_ns.append(time.monotonic_ns() - arrived_ns)
        self._transport.write(ANSWER)


async def serve(draw: Draw, seed: int) -> None:
    """Serve until SIGTERM."""
    log = Log()
    dice, loop, ended = random.Random(seed), asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(lambda: Delaying(draw, dice, log), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()
    print(json.dumps(asdict(log)), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(DISTRIBUTIONS[sys.argv[1]], int(sys.argv[2]) if len(sys.argv) > 2 else 1))
