"""Has a child and a grandchild, which do nothing and outlive it."""

import os
import signal

from tests.server.servers.serving import listen, options, serve

if __name__ == "__main__":
    if os.fork() == 0:
        os.fork()
        signal.pause()
    serve(listen(options().port))
