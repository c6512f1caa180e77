"""A proxy in front of two workers that listen on a port of their own and have more to do than it.

With ``--respawn 1`` it is started again when it has ended, and with ``--busy 1`` it has more to do than they.
"""

import os
import signal
import socket
import threading

from tests.server.servers.serving import HOST, READ_BYTES, listen, options, serve, work


def pass_on(source: socket.socket, sink: socket.socket, is_busy: bool) -> None:
    """Until either end is closed."""
    try:
        while data := source.recv(READ_BYTES):
            if is_busy:
                work()
            sink.sendall(data)
    except OSError:
        pass
    finally:
        sink.close()


def proxy(listener: socket.socket, port: int, is_busy: bool) -> None:
    """Give every connection one to a worker, for as long as it lasts."""
    while True:
        client, _ = listener.accept()
        worker = socket.create_connection((HOST, port))
        for ends in ((client, worker), (worker, client)):
            threading.Thread(target=pass_on, args=(*ends, is_busy), daemon=True).start()


if __name__ == "__main__":
    asked = options(respawn=0, busy=0)
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
            proxy(public, inner_port, asked.busy > 0)
        while os.waitpid(-1, 0) and not asked.respawn:
            pass
