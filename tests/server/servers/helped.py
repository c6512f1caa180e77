"""One process that answers, with a helper for a child that has no socket."""

import os
import signal

from tests.server.servers.serving import listen, options, serve

if __name__ == "__main__":
    if os.fork() == 0:
        signal.pause()
    serve(listen(options().port))
