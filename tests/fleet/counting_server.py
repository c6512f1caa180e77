"""A server that counts its requests: ``python counting_server.py HOST PORT [FILE]``.

The number is in the answer to /count, which is not counted.
"""

import asyncio
import sys
from typing import Final

BODY: Final = b"counted\n" * 8
HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"


class Counter(asyncio.Protocol):
    """One connection; the count is that of all."""

    count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = transport
        self._data = b""

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole; none has a body."""
        self._data += data
        *requests, self._data = self._data.split(b"\r\n\r\n")
        for request in requests:
            body = BODY
            if request.startswith(b"GET /count "):
                body = str(Counter.count).encode()
            else:
                Counter.count += 1
            self._transport.write(HEAD % len(body) + body)  # type: ignore[attr-defined]


async def main(host: str, port: int) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Counter, host, port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
