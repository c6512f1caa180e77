"""One worker that forks another when more requests are there at once than readiness asks, as pools do."""

import os
import threading
from typing import Final

from tests.server.servers.serving import listen, options, response, serve

MOST: Final = 8  # at once for one worker
TOGETHER_S: Final = 3.0  # the longest that a request waits for others

if __name__ == "__main__":
    asked = options()
    listener = listen(asked.port)
    places = threading.BoundedSemaphore(MOST)
    has_grown = threading.Event()

    def answer() -> bytes:
        """Fork once, where there is no place for the request."""
        if places.acquire(blocking=False):
            has_grown.wait(TOGETHER_S)
            places.release()
        elif not has_grown.is_set():
            has_grown.set()
            if os.fork() == 0:
                threading.Thread(target=serve, args=(listener,)).start()
                threading.Event().wait()
        return response()

    serve(listener, answer)
