"""A server that is no good neighbour: it takes what only one can have, spins while nobody asks it, or is slow,
always or once in a while."""

import socket
import threading
import time
from itertools import count
from typing import Final

from tests.server.servers.serving import Answer, listen, options, response, serve

SPUN_S: Final = 0.04
SLOW_S: Final = 0.08
SELDOM_S: Final = 0.5
NUMBERS: Final = count(1)
OFTEN: Final = 20  # answers, of which one is seldom as slow


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


def answer_unevenly() -> bytes:
    """Return an answer, one time in so many after a long while."""
    if next(NUMBERS) % OFTEN == 0:
        time.sleep(SELDOM_S)
    return response()


ANSWERS: Final[dict[str, Answer]] = {"slow": answer_slowly, "uneven": answer_unevenly}

if __name__ == "__main__":
    told = options("takes", "spins", "slow", "uneven", number=0)
    if told.kind == "takes":
        taken = socket.socket(socket.AF_UNIX)
        taken.bind(f"\0harness-test-{told.number}")  # which fails while another has it
    if told.kind == "spins":
        threading.Thread(target=spin, daemon=True).start()
    serve(listen(told.port), ANSWERS.get(told.kind, response))
