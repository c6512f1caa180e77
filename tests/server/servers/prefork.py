"""A cluster: workers that share a listener; with ``--respawn 1`` a worker that ends is replaced."""

import os
import signal
import socket

from tests.server.servers.serving import listen, options, serve


def start_worker(listener: socket.socket) -> None:
    """One more process that answers."""
    if os.fork() == 0:
        serve(listener)


def lead(workers: int, respawn: bool, listener: socket.socket) -> None:
    """Start the workers and look after them until SIGTERM, at which they are left to whoever adopts them."""
    for _ in range(workers):
        start_worker(listener)
    while True:
        signal.sigwait([signal.SIGCHLD])
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            if respawn:
                start_worker(listener)


if __name__ == "__main__":
    asked = options(workers=2, respawn=0)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    lead(asked.workers, bool(asked.respawn), listen(asked.port))
