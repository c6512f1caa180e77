"""A cluster: workers that share a listener; with ``--respawn 1`` a worker that ends is replaced, and each comes
``--late`` milliseconds after the one before. With ``--busy 1`` answers cost CPU."""

import os
import signal
import socket
import time

from tests.server.servers.serving import Answer, listen, options, response, serve, work


def start_worker(listener: socket.socket, answer: Answer) -> None:
    """One more process that answers."""
    if os.fork() == 0:
        serve(listener, answer)


def lead(workers: int, respawn: bool, late_s: float, listener: socket.socket, answer: Answer) -> None:
    """Start the workers and look after them until SIGTERM, at which they are left to whoever adopts them."""
    for _ in range(workers):
        start_worker(listener, answer)
        time.sleep(late_s)
    while True:
        signal.sigwait([signal.SIGCHLD])
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            if respawn:
                start_worker(listener, answer)


if __name__ == "__main__":
    asked = options(workers=2, respawn=0, late=0, busy=0)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    answer = work if asked.busy else response
    lead(asked.workers, bool(asked.respawn), asked.late / 1000, listen(asked.port), answer)
