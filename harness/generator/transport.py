"""Transport to the server: TCP, Unix sockets and TLS, without blocking, behind the methods of a socket."""

import contextlib
import errno
import os
import socket
import ssl
from itertools import islice
from typing import Final, Protocol

from harness.generator.dealing import Dealer
from harness.generator.spreading import can_spread, spread_addresses
from harness.load.spec import LoadShare, Target, Tls
from harness.machine.host import Host
from harness.machine.ports import count_local_ports

LOOK_S: Final = 1.0  # that an address gets to accept a connection, where the host has several
IP_BIND_ADDRESS_NO_PORT: Final = (
    24  # ip(7): the port is chosen on connecting, so that it only has to be free to that peer
)
CONGESTION_CONTROL: Final = b"reno"  # see _tune


class Stream(Protocol):
    """The methods of a socket that the load loop calls.

    BlockingIOError means that the call would block; every other OSError, that the connection is lost.
    """

    def recv(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none if the peer has closed."""

    def send(self, data: bytes | memoryview, /) -> int:
        """Return how many of the bytes were taken."""


class Connector:
    """A factory of sockets to one target, or to all replicas of one. ``seed`` and ``first`` determine how connections
    are dealt to these.

    Raises OSError when the host has no address or ``ca_file`` can't be used.
    """

    def __init__(self, target: Target, seed: int = 0, first: int = 0) -> None:
        self._target = target
        resolved = [_resolve(replica) for replica in target.replicas]
        self._family, self._address = resolved[0]
        self._dealer = Dealer([address for _, address in resolved], target.balance, seed, first)
        self._context = _create_context(target.tls) if target.tls else None

    @property
    def is_tls(self) -> bool:
        """True if TLS's handshake follows once a socket is connected."""
        return self._context is not None

    def connect(self, timeout_s: float) -> socket.socket:
        """Connect, and do TLS's handshake if there is TLS; each step blocks up to ``timeout_s``. Raises OSError."""
        sock = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout_s)
            sock.connect(self._address)
            return self._context.wrap_socket(sock, server_hostname=self._target.host) if self._context else sock
        except OSError:
            sock.close()
            raise

    def local_addresses(self, share: LoadShare, connections: int) -> list[str | None]:
        """Return the local address of each of the share's connections; None leaves it to the kernel."""
        ports = count_local_ports(Host.here())
        if self._family != socket.AF_INET or ports is None or not can_spread(str(self._address[0])):
            return [None] * connections
        return list(islice(spread_addresses(share, ports), connections))

    def start_connect(self, local_address: str | None = None) -> tuple[socket.socket, int]:
        """Begin to connect, without blocking: the socket is connected once it is writable. Return it with the number of
        its replica, for :meth:`end`.

        Raises OSError when connecting fails at once.
        """
        sock = socket.socket(self._family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        replica = self._dealer.deal()
        try:
            if self._family != socket.AF_UNIX:
                _tune(sock)
            if local_address is not None:
                sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
                sock.bind((local_address, 0))
            error = sock.connect_ex(self._dealer.addresses[replica])
            # A Unix socket connects at once or not at all: EAGAIN means that the server's backlog is full.
            if error not in (0, errno.EINPROGRESS):
                raise OSError(error, os.strerror(error))
        except OSError:
            sock.close()
            self._dealer.end(replica)
            raise
        return sock, replica

    def end(self, replica: int) -> None:
        """Count a connection to this replica as ended."""
        self._dealer.end(replica)

    @property
    def open_by_port(self) -> dict[int, int]:
        """The number of open connections to each replica, by port; empty where there is one server."""
        return dict(zip(self._target.ports, self._dealer.open, strict=True)) if self._target.replica_ports else {}

    def wrap_tls(self, sock: socket.socket) -> "TlsStream":
        """Return a TLS stream that takes over a connected socket; its handshake comes next.

        Raises OSError when the connection has just been lost.
        """
        assert self._context is not None, "only for a target with TLS"
        return TlsStream(self._context, sock, self._target.host)


class TlsStream:
    """A TLS stream on a non-blocking socket, which raises BlockingIOError as a socket does."""

    def __init__(self, context: ssl.SSLContext, sock: socket.socket, host: str) -> None:
        # A connection that ends without TLS's own end may have been cut (RFC 9112, section 9.8): that is an error.
        self.sock = context.wrap_socket(
            sock, server_hostname=host, do_handshake_on_connect=False, suppress_ragged_eofs=False
        )

    def do_handshake(self) -> None:
        """Go on with the handshake, and return once it is done. Raises BlockingIOError, OSError."""
        with _wait_as_blocking():
            self.sock.do_handshake()

    def recv(self, size: int, /) -> bytes:
        """See :class:`Stream`. OpenSSL may hold more bytes, which no poll reports: call until BlockingIOError."""
        with _wait_as_blocking():
            return self.sock.recv(size)

    def send(self, data: bytes | memoryview, /) -> int:
        """See :class:`Stream`."""
        with _wait_as_blocking():
            return self.sock.send(data)


class _wait_as_blocking(contextlib.AbstractContextManager[None]):
    """A context that turns OpenSSL's two requests to wait into BlockingIOError."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ssl.SSLWantReadError | ssl.SSLWantWriteError):
            raise BlockingIOError(errno.EAGAIN, "TLS has to wait") from error


def _tune(sock: socket.socket) -> None:
    """Have requests leave at once, whatever the machine's default is.

    Nagle's algorithm would delay small ones. BBR sends them by a timer, which costs CPU and shifts send times.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError):  # a kernel without it keeps its default
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, CONGESTION_CONTROL)


def _resolve(target: Target) -> tuple[socket.AddressFamily, str | tuple[object, ...]]:
    """Return family and address: of the target's addresses, the first that accepts a connection, or else the first."""
    if target.unix_socket is not None:
        return socket.AF_UNIX, target.unix_socket
    hosts, flags = (target.addresses, socket.AI_NUMERICHOST) if target.addresses else ((target.host,), 0)
    try:
        found = [
            each
            for host in hosts
            for each in socket.getaddrinfo(host, target.port, type=socket.SOCK_STREAM, flags=flags)
        ]
    except UnicodeError as error:
        raise OSError(errno.EINVAL, f"{target.host} can be no host's name") from error
    addresses = [
        (family, address) for family, _, _, _, address in found
    ]  # all of it, since that of IPv6 may name an interface
    return next(filter(_is_listening, addresses), addresses[0]) if len(addresses) > 1 else addresses[0]


def _is_listening(family_address: tuple[socket.AddressFamily, tuple[object, ...]]) -> bool:
    """Check whether a server listens at the address.

    ``localhost`` often is ::1 first, while the server listens at 127.0.0.1 alone.
    """
    family, address = family_address
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(LOOK_S)
        return sock.connect_ex(address) == 0


def _create_context(tls: Tls) -> ssl.SSLContext:
    """Return the context for such connections. Raises OSError when ``ca_file`` can't be used."""
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise OSError(getattr(error, "errno", None) or errno.EINVAL, f"{tls.ca_file}: no PEM certificates") from error
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context
