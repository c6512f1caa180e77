"""One worker that has its parent fork another when more requests are there at once than readiness asks, as pools do."""

import os
import signal
import threading
from typing import Final

from tests.server.servers.serving import listen, options, response, serve

MOST: Final = 8  # at once for one worker
TOGETHER_S: Final = 3.0  # the longest that a request waits for others

if __name__ == "__main__":
    listener = listen(options().port)
    (hears, asks), (is_told, tells) = os.pipe(), os.pipe()
    places = threading.BoundedSemaphore(MOST)
    growing = threading.Lock()  # taken once, for ever
    has_grown = threading.Event()

    def answer() -> bytes:
        """Where there is no place for the request, ask for another worker; wait until it is there."""
        if has_grown.is_set():
            return response()
        if places.acquire(blocking=False):
            has_grown.wait(TOGETHER_S)
            places.release()
        elif growing.acquire(blocking=False):
            os.write(asks, b"x")
            os.read(is_told, 1)
            has_grown.set()
        return response()

    if os.fork() == 0:
        serve(listener, answer)
    os.read(hears, 1)
    if os.fork() == 0:
        serve(listener, response)
    os.write(tells, b"x")
    signal.pause()
