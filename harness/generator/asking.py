"""One request and its response on a connection of its own, within bounds: how a server is probed before it is loaded.

The response is read by the reader that the load uses, so that both understand it alike. Of a body, only as much is kept
as the load searches for a text. Nothing is waited for beyond the deadline.
"""

import contextlib
import errno
import os
import select
import socket
import ssl
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self

from harness.errors import HarnessError
from harness.generator.bodies import BodyCheck
from harness.generator.framing import BodyKind, Head, ProtocolError, ResponseReader
from harness.generator.transport import Connector, Stream
from harness.load.requests import EncodedRequest, encode_requests
from harness.load.spec import Load, Target, Tls

MAX_ANSWER_BYTES: Final = 2**30  # of a response that does not say how long it is
MAX_FIRST_BYTES: Final = 16  # by which HTTP is recognised
READ_BYTES: Final = 64 * 1024
RECOGNISE_S: Final = 1.0  # to find out which other protocol the server speaks
SHOWN_BYTES: Final = 60  # of a response that is not HTTP
BAD_REQUEST: Final = 400  # which many servers send in plain HTTP where they expect TLS

_HTTP: Final = b"HTTP/"
_TLS_ALERT: Final = b"\x15\x03"  # RFC 8446, section 5.1: type and version of a record
_HTTP2_FRAMES: Final = (b"\x04\0\0\0\0\0", b"\x07\0\0\0\0\0")  # RFC 9113, section 4.1: SETTINGS, GOAWAY of no stream
_OPTIONS: Final = b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


AnswerEnd = Literal["whole", "cut", "unended"]


class ForeignProtocolError(HarnessError):
    """The server speaks another protocol than HTTP/1.1 over the target's transport.

    ``scheme`` is the URL scheme that would do, if there is one. The message is a verb and its object, to follow the
    name of the server.
    """

    def __init__(self, message: str, scheme: Literal["http", "https"] | None = None) -> None:
        super().__init__(message)
        self.scheme = scheme


@dataclass(frozen=True)
class ProbeResponse:
    """The response to one request, as far as it came.

    One that is *cut* ended before it was complete. One that is *unended* was not complete when its time ran out, or
    when it grew longer than a response may be that does not say how long it is.
    """

    head: Head
    body_bytes: int
    body_sha256: str | None
    end: AnswerEnd
    took_s: float
    body_start: bytes = b""  # as much of it as is searched for a text

    @property
    def status(self) -> int:
        """The status code of its status line."""
        return self.head.status

    @property
    def is_endless(self) -> bool:
        """True if it had not ended, and does not say where it will end."""
        return self.end == "unended" and self.head.body_kind is not BodyKind.LENGTH

    @property
    def incomplete_reason(self) -> str:
        """The reason why a response is not complete: a verb and its object, to follow the name of the request."""
        came = f"{self.body_bytes:,} bytes in {self.took_s:.3g} s"
        if self.end == "cut":
            return f"is answered in part: the connection ended after {came} of its body"
        if self.is_endless:
            return f"sends an answer without end ({came} so far): a stream can't be measured as a request"
        return f"is answered too slowly: {came} of a body of {self.head.body_bytes:,}"


class ProbeConnection:
    """A connection for requests one after the other, of which every step ends at ``deadline_s`` (monotonic clock).

    Raises OSError when it can't be opened: TimeoutError if that took too long, ssl.SSLError if the handshake failed.
    """

    def __init__(self, target: Target, deadline_s: float) -> None:
        self._target = target
        self._deadline_s = deadline_s
        self._began_s = time.monotonic()
        self._method = ""
        self._unsent = b""
        connector = Connector(target)
        self._sock, _ = connector.start_connect()
        self._stream: Stream = self._sock
        try:
            self._finish_connecting()
            if connector.is_tls:
                self._do_handshake(connector)
        except BaseException:
            self._sock.close()
            raise

    def send(self, request: EncodedRequest) -> None:
        """Send the request, as far as there is room for it; :meth:`read` sends the rest."""
        self._began_s = time.monotonic()
        self._method, self._unsent = request.method, request.data
        self._send_more()

    def read(self, kept_bytes: int = 0) -> ProbeResponse:
        """Return the response with the first ``kept_bytes`` of its body. It may come before all of the request is sent.

        Raises OSError when there is none (TimeoutError if it does not begin in time), and ForeignProtocolError when it
        is not HTTP.
        """
        reader = ResponseReader(self._method, hashing=True, keep_bytes=kept_bytes)
        try:
            end = self._read_response(reader)
        except ProtocolError as error:
            raise ForeignProtocolError(f"does not speak HTTP/1.1: {error}") from error
        except OSError as error:
            if reader.head is None:
                raise
            end = "unended" if isinstance(error, TimeoutError) else "cut"
        if reader.head is None:
            raise ConnectionResetError(errno.ECONNRESET, "no head of an answer")
        took_s = time.monotonic() - self._began_s
        return ProbeResponse(reader.head, reader.body_bytes, reader.body_sha256, end, took_s, bytes(reader.body_start))

    def close(self) -> None:
        """Close the connection."""
        self._sock.close()

    def _finish_connecting(self) -> None:
        self._wait(select.POLLOUT)
        if error := self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, os.strerror(error))

    def _do_handshake(self, connector: Connector) -> None:
        """Do TLS's handshake in half of the time at most, so that the rest is left to find out why it failed."""
        whole_s, now_s = self._deadline_s, time.monotonic()
        self._deadline_s = (now_s + whole_s) / 2
        stream = connector.wrap_tls(self._sock)
        self._sock, self._stream = stream.sock, stream
        while True:
            with contextlib.suppress(BlockingIOError):
                stream.do_handshake()
                break
            self._wait(select.POLLIN)
        self._deadline_s = whole_s

    def _send_more(self) -> None:
        """Send more of the request. An error is no failure yet: a server that has responded may not read the rest."""
        try:
            self._unsent = self._unsent[self._stream.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent = b""

    def _read_response(self, reader: ResponseReader) -> AnswerEnd:
        """Read the response as far as it comes, and return how it ended."""
        data = self._receive_first()
        while not reader.feed(data):
            if _is_too_long(reader):
                return "unended"
            if not (data := self._receive()):
                return "whole" if reader.end() else "cut"
        return "whole"

    def _receive_first(self) -> bytes:
        """Return the first bytes, by which the protocol is recognised. Raises as :meth:`read`."""
        data = b""
        while len(data) < MAX_FIRST_BYTES and _HTTP.startswith(data.lstrip(b"\r\n")[: len(_HTTP)]):
            if not (more := self._receive()):
                break
            data += more
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, "closed without an answer")
        _check_http(data, self._target)
        return data

    def _receive(self) -> bytes:
        """Return the next bytes; none if the peer has closed. Raises OSError, TimeoutError."""
        while True:
            if time.monotonic() >= self._deadline_s:
                raise TimeoutError("timed out")
            if self._unsent:
                self._send_more()
            with contextlib.suppress(BlockingIOError):
                return self._stream.recv(READ_BYTES)
            self._wait(select.POLLIN | (select.POLLOUT if self._unsent else 0))

    def _wait(self, events: int) -> None:
        """Wait for one of the events of poll(2), or an error. Raises TimeoutError at the deadline."""
        poll = select.poll()
        poll.register(self._sock, events)
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0 or not poll.poll(left_s * 1000):
            raise TimeoutError("timed out")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def connect(target: Target, deadline_s: float) -> ProbeConnection:
    """Open a connection for one request. Raises OSError, and ForeignProtocolError if the server speaks plain HTTP."""
    try:
        return ProbeConnection(target, deadline_s)
    except ssl.SSLCertVerificationError:
        raise
    except (ssl.SSLError, ConnectionResetError, TimeoutError):
        if target.tls:
            _check_other_scheme(target, deadline_s)
        raise


def read_answer(connection: ProbeConnection, load: Load, deadline_s: float) -> ProbeResponse:
    """Return the response as :meth:`ProbeConnection.read`, with as much of its body as the load searches for a text.

    Raises ForeignProtocolError also when the response is that of a server that expected TLS.
    """
    try:
        answer = connection.read(BodyCheck(load.expect).kept_bytes)
    except ConnectionError:
        connection.close()  # or a server that serves one connection at a time would not accept the next
        _check_other_scheme(load.target, deadline_s)
        raise
    if answer.status == BAD_REQUEST:
        connection.close()
        _check_other_scheme(load.target, deadline_s)
    return answer


def ask(load: Load, deadline_s: float) -> ProbeResponse:
    """Send the load's first request once and return the response. Raises OSError, ForeignProtocolError."""
    with connect(load.target, deadline_s) as connection:
        connection.send(next(encode_requests(load)))
        return read_answer(connection, load, deadline_s)


def _check_other_scheme(target: Target, deadline_s: float) -> None:
    """Raise ForeignProtocolError if the server speaks the other of http and https."""
    other = target.with_tls(None if target.tls else Tls(verify=False))
    try:
        with ProbeConnection(other, min(deadline_s, time.monotonic() + RECOGNISE_S)) as connection:
            if other.tls is None:
                connection.send(EncodedRequest(_OPTIONS, len(_OPTIONS), "OPTIONS"))
                connection.read()
    except OSError:
        return
    except ForeignProtocolError as error:
        if error.scheme is None:
            raise
        return  # it does speak TLS, and refused something else
    if other.tls:
        raise ForeignProtocolError("speaks TLS", "https")
    raise ForeignProtocolError("speaks plain HTTP, not TLS", "http")


def _check_http(data: bytes, target: Target) -> None:
    """Raise ForeignProtocolError if the first bytes of a response are not those of HTTP/1."""
    if data.lstrip(b"\r\n").startswith(_HTTP):
        return
    if data.startswith(_TLS_ALERT) and not target.tls:
        raise ForeignProtocolError("speaks TLS", "https")
    if data[3:9] in _HTTP2_FRAMES:
        raise ForeignProtocolError("speaks HTTP/2, without HTTP/1.1")
    text = data[:SHOWN_BYTES].decode("ascii", "backslashreplace")
    raise ForeignProtocolError(f"does not speak HTTP/1.1: it answers {text!r}")


def _is_too_long(reader: ResponseReader) -> bool:
    says_length = reader.head is not None and reader.head.body_kind is BodyKind.LENGTH
    return reader.received_bytes > MAX_ANSWER_BYTES and not says_length


def describe_error(error: OSError) -> str:
    """Return the error in words, without the codes of the system and of OpenSSL."""
    if isinstance(error, ssl.SSLError):
        return error.reason.replace("_", " ").lower() if error.reason else str(error)
    return error.strerror or str(error)
