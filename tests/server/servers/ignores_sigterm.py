"""Does not stop when asked."""

import signal

from tests.server.servers.serving import listen, options, serve

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    serve(listen(options().port))
