"""One process that works for each answer; with ``--eat`` it takes more and more memory, after so many
seconds."""

import threading
import time

from tests.server.servers.serving import listen, options, serve, work

MIB = 2**20


def eat(after_s: float) -> None:
    """Take memory without end."""
    held = []
    time.sleep(after_s)
    while True:
        held.append(bytearray(b"x" * MIB))


if __name__ == "__main__":
    given = options(eat=0)
    if given.eat:
        threading.Thread(target=eat, args=(given.eat,), daemon=True).start()
    serve(listen(given.port), work)
