"""Leaves a daemon behind: forked twice, in a session of its own, deaf to SIGTERM."""

import os
import signal

from tests.server.servers.serving import listen, options, serve


def leave_daemon() -> None:
    """Return once the daemon is nobody's child but whoever adopts it."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pause()


if __name__ == "__main__":
    leave_daemon()
    serve(listen(options().port))
