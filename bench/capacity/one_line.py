"""One line, and service in the order of arrival: M/M/1, M/D/1 or M/H₂/1, but for who arrives.

Run as ``python -m bench.capacity.one_line --port PORT --mean-ms MEAN [--service KIND] [--seed SEED]``. Each
request is answered when its service ends, which is reckoned from when the one before it ended: what this process takes
for it adds nothing, as long as it is less than the service. In M/M/1, the response time at which one request in a
hundred is slower, under arrivals at random at λ per second and a service of 1/μ, is ln(100) / (μ − λ) (Kleinrock,
Queueing Systems, vol. 1, 1975, 3.2).
"""

import argparse
import asyncio
import random
import selectors
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nserved"
HEAD_END: Final = b"\r\n\r\n"


def exponential(dice: random.Random, mean_s: float) -> float:
    """A service time of M/M/1."""
    return dice.expovariate(1 / mean_s)


def constant(dice: random.Random, mean_s: float) -> float:
    """A service time of M/D/1."""
    return mean_s


def mixed(dice: random.Random, mean_s: float) -> float:
    """A service time of M/H₂/1: nine requests in ten take half of the mean on the average, the tenth 5.5 times as
    long as the mean; the squared coefficient of variation is 5.5."""
    return dice.expovariate(1 / (mean_s * (0.5 if dice.random() < 0.9 else 5.5)))


SERVICES: Final = {each.__name__: each for each in (exponential, constant, mixed)}


@dataclass
class Line:
    """When the one server of the line is free again (seconds of the event loop)."""

    dice: random.Random
    mean_s: float
    service: Callable[[random.Random, float], float]
    free_at_s: float = 0.0

    def join(self, now_s: float) -> float:
        """When the service ends of a request that arrives now."""
        self.free_at_s = max(now_s, self.free_at_s) + self.service(self.dice, self.mean_s)
        return self.free_at_s


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where the answers go."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Join the line with the end of the head."""
        self._received += data
        if self._received.endswith(HEAD_END):
            self._received = b""
            loop = asyncio.get_running_loop()
            loop.call_at(self._line.join(loop.time()), self._answer)

    def _answer(self) -> None:
        if self._transport is not None:
            self._transport.write(ANSWER)

    def connection_lost(self, error: Exception | None) -> None:
        """Nobody is there for the answer any more; its service has its time all the same."""
        self._transport = None


async def serve(port: int, mean_s: float, service: str, seed: int) -> None:
    """Serve until the process is ended."""
    line, loop = Line(random.Random(seed), mean_s, SERVICES[service]), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(line), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mean-ms", type=float, required=True)
    parser.add_argument("--service", choices=SERVICES, default="exponential")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    # select(2) waits for microseconds where epoll waits for whole milliseconds.
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    loop.run_until_complete(serve(options.port, options.mean_ms / 1000, options.service, options.seed))
