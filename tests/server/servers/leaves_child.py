"""Exits at once, well, and leaves a child to serve."""

import os

from tests.server.servers.serving import listen, options, serve

if __name__ == "__main__":
    listener = listen(options().port)
    if os.fork() == 0:
        serve(listener)
