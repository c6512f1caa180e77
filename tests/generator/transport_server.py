"""The scripted server behind other transports: TLS, a Unix socket, IPv6."""

import contextlib
import socket
import ssl
import threading
from pathlib import Path

from tests.generator.scripted_server import HOST, PATIENCE_S, Script, ScriptedServer


class TransportServer(ScriptedServer):
    """Listens on ``listener``, which it closes at the end, and speaks TLS when it has a ``context`` for that.

    ``handshakes`` counts those that were completed. With ``says_goodbye`` a connection that it closes is ended as TLS
    wants it, and not cut.
    """

    def __init__(
        self,
        script: Script,
        listener: socket.socket,
        context: ssl.SSLContext | None = None,
        says_goodbye: bool = True,
    ) -> None:
        super().__init__(script)
        self.handshakes = 0
        self._context = context
        self._says_goodbye = says_goodbye
        self._own_listener = listener
        address = listener.getsockname()
        self.port = address[1] if listener.family != socket.AF_UNIX else 80
        self._own_acceptor = threading.Thread(target=self._accept_own, daemon=True)
        self._own_acceptor.start()

    def stop(self) -> None:
        """Close every socket and wait for every thread."""
        self.refuse()
        self._own_acceptor.join()
        self._own_listener.close()
        super().stop()

    def refuse(self) -> None:
        """Accept no more connections."""
        with contextlib.suppress(OSError):  # it has been asked for already
            self._own_listener.shutdown(socket.SHUT_RDWR)  # wakes the acceptor

    def _accept_own(self) -> None:
        with contextlib.suppress(OSError):  # the listener was shut down
            while True:
                sock, _ = self._own_listener.accept()
                self.connections += 1
                self._serve_in_thread(sock)

    def _serve_in_thread(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE_S)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open.add(sock)
        thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _play(self, sock: socket.socket) -> None:
        if self._context is None:
            super()._play(sock)
            return
        # A copy: the socket itself stays what stop shuts down.
        with self._context.wrap_socket(sock.dup(), server_side=True) as secured:
            with self._lock:
                self.handshakes += 1
            super()._play(secured)
            if self._says_goodbye:
                secured.unwrap()


def tcp_listener() -> socket.socket:
    """Where TLS is spoken."""
    return socket.create_server((HOST, 0), backlog=1024)


def ipv6_listener() -> socket.socket:
    """On ::1."""
    return socket.create_server(("::1", 0), family=socket.AF_INET6, backlog=1024)


def unix_listener(path: Path, backlog: int = 1024) -> socket.socket:
    """On a socket in the file system."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(backlog)
    return listener
