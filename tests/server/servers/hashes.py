"""One process whose threads work at the same time, each for the answer on one connection."""

import hashlib
from typing import Final

from tests.server.servers.serving import listen, options, response, serve

ITERATIONS: Final = 20_000  # some 10 ms of work, for which a thread lets go of the interpreter


def hash_long() -> bytes:
    """Return an answer after some work."""
    hashlib.pbkdf2_hmac("sha256", b"twelve bytes", b"salt", ITERATIONS)
    return response()


if __name__ == "__main__":
    serve(listen(options().port), hash_long)
