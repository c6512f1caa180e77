"""A server that waits for something else than its CPU: for which, says its first argument."""

import os
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Final

from tests.server.servers.serving import Answer, listen, options, response, serve

PAGE: Final = b"x" * 16 * 1024
TAKEN: Final = 20  # times for one request
HELD_S: Final = 0.0001
ALONE_S: Final = 0.02  # much more than a probe takes for itself

lock = threading.Lock()


def one_at_a_time() -> bytes:
    """Answer while nobody else does."""
    with lock:
        time.sleep(ALONE_S)
    return response()


def locks() -> bytes:
    """Answer after taking one lock many times."""
    for _ in range(TAKEN):
        with lock:
            time.sleep(HELD_S)
    return response()


def on_disk() -> Answer:
    """Return an answer that is first stored for good."""
    store = tempfile.TemporaryFile()  # noqa: SIM115 (for as long as the process lives)

    def answer() -> bytes:
        with lock:
            os.pwrite(store.fileno(), PAGE, 0)
            os.fsync(store.fileno())
        return response()

    return answer


if __name__ == "__main__":
    made: dict[str, Callable[[], Answer]] = {
        "one_at_a_time": lambda: one_at_a_time,
        "locks": lambda: locks,
        "disk": on_disk,
    }
    told = options(*made)
    serve(listen(told.port), made[told.kind]())
