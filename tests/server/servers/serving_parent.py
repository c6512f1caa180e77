"""A cluster whose first worker forks the others, and serves as they do."""

import os

from tests.server.servers.serving import listen, options, serve

if __name__ == "__main__":
    asked = options(workers=2)
    listener = listen(asked.port)
    for _ in range(asked.workers - 1):
        if os.fork() == 0:
            break
    serve(listener)
