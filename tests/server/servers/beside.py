"""A server that is no good neighbour: it takes what only one can have, spins while nobody asks it, or is slow."""

import socket
import threading
import time
from typing import Final

from tests.server.servers.serving import listen, options, response, serve

SPUN_S: Final = 0.04
SLOW_S: Final = 0.08


def spin() -> None:
    """Keep half a core busy."""
    while True:
        until_s = time.monotonic() + SPUN_S
        while time.monotonic() < until_s:
            pass
        time.sleep(SPUN_S)


def answer_slowly() -> bytes:
    """Return an answer after a while."""
    time.sleep(SLOW_S)
    return response()


if __name__ == "__main__":
    told = options("takes", "spins", "slow", number=0)
    if told.kind == "takes":
        taken = socket.socket(socket.AF_UNIX)
        taken.bind(f"\0harness-test-{told.number}")  # which fails while another has it
    if told.kind == "spins":
        threading.Thread(target=spin, daemon=True).start()
    serve(listen(told.port), answer_slowly if told.kind == "slow" else response)
