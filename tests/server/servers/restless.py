"""One process that answers, with children that come, hold its listener for a moment, and go."""

import os
import threading
import time

from tests.server.servers.serving import listen, options, serve


def have_children(milliseconds: int) -> None:
    """One after the other, for ever."""
    while True:
        child = os.fork()
        if child == 0:
            time.sleep(milliseconds / 1000)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    asked = options(milliseconds=5)
    listener = listen(asked.port)
    threading.Thread(target=have_children, args=(asked.milliseconds,), daemon=True).start()
    serve(listener)
