"""A proxy in front of two workers that listen on a port of their own and have more to do than it.

With ``--respawn 1`` it is started again when it has ended.
"""

import os
import signal
import socket
import threading

from tests.server.servers.serving import HOST, READ_BYTES, listen, options, serve, work


def pass_on(source: socket.socket, sink: socket.socket) -> None:
    """Until either end is closed."""
    try:
        while data := source.recv(READ_BYTES):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        sink.close()


def proxy(listener: socket.socket, port: int) -> None:
    """Give every connection one to a worker, for as long as it lasts."""
    while True:
        client, _ = listener.accept()
        worker = socket.create_connection((HOST, port))
        for ends in ((client, worker), (worker, client)):
            threading.Thread(target=pass_on, args=ends, daemon=True).start()


if __name__ == "__main__":
    asked = options(respawn=0)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    public, inner = listen(asked.port), listen(0)
    for _ in range(2):
        if os.fork() == 0:
            public.close()
            serve(inner, work)
    inner_port: int = inner.getsockname()[1]
    inner.close()
    while True:
        if os.fork() == 0:
            proxy(public, inner_port)
        while os.waitpid(-1, 0) and not asked.respawn:
            pass
