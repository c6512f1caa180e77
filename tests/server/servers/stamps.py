"""One process that writes down when each request came (s of the monotonic clock), into the file that is named."""

import os
import time
from typing import Final

from tests.server.servers.serving import listen, options, response, serve

FILE: Final = "STAMPS"


def stamp() -> bytes:
    """Write down the time, and answer."""
    with open(os.environ[FILE], "a", encoding="ascii") as file:
        file.write(f"{time.monotonic()}\n")
    return response()


if __name__ == "__main__":
    serve(listen(options().port), stamp)
