"""A cluster whose first process waits for connections as the others do, and gets none."""

import os
import time

from tests.server.servers.serving import listen, options, serve

NAP_S = 0.005

if __name__ == "__main__":
    asked = options(workers=2)
    listener = listen(asked.port)
    for _ in range(asked.workers - 1):
        if os.fork() == 0:
            serve(listener)
    while True:
        time.sleep(NAP_S)
