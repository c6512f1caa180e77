"""One worker that forks another one with its first request, as pools do under load."""

import os
import threading
from typing import Final

from tests.server.servers.serving import listen, options, response, serve

GROWN: Final = threading.Lock()  # taken once, for ever

if __name__ == "__main__":
    asked = options(after=20)
    listener = listen(asked.port)
    answered = 0

    def answer() -> bytes:
        """Fork after so many answers."""
        global answered
        answered += 1
        if answered > asked.after and GROWN.acquire(blocking=False) and os.fork() == 0:
            threading.Thread(target=serve, args=(listener,)).start()
            threading.Event().wait()
        return response()

    serve(listener, answer)
