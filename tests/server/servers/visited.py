"""One worker that forks another one under load, which holds its listener for ``--milliseconds`` and goes."""

import os
import time
from itertools import count

from tests.server.servers.serving import listen, options, response, serve

AFTER = 20  # answers: more than are asked for before a load

if __name__ == "__main__":
    asked = options(milliseconds=500)
    numbers = count()

    def answer() -> bytes:
        """Fork once."""
        if next(numbers) == AFTER and os.fork() == 0:
            time.sleep(asked.milliseconds / 1000)
            os._exit(0)
        return response()

    serve(listen(asked.port), answer)
