"""Exits at once, well, and leaves a child to serve."""

import os

from tests.server.servers.serving import listen, options, serve

if __name__ == "__main__":
    if os.fork() == 0:  # before it listens, so that whoever finds it listening finds it alone
        serve(listen(options().port))
