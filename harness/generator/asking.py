"""One request and its answer on a connection of its own, within bounds: how a server is asked before it is loaded.

It is read by the reader of the load, so that what is understood here is what will be understood there. Of a body is
kept what the load looks for a text in, and nothing is waited for beyond the deadline.
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
from harness.load.requests import EncodedRequest, prepared_requests
from harness.load.spec import Load, Target, Tls

MAX_ANSWER_BYTES: Final = 2**30  # of an answer that does not say how long it is
MAX_FIRST_BYTES: Final = 16  # by which HTTP is told from all else
READ_BYTES: Final = 64 * 1024
RECOGNISE_S: Final = 1.0  # for finding out what else is spoken
SHOWN_BYTES: Final = 60  # of what is not HTTP
BAD_REQUEST: Final = 400  # what many servers say in plain HTTP where they want TLS

_HTTP: Final = b"HTTP/"
_TLS_ALERT: Final = b"\x15\x03"  # RFC 8446, section 5.1: type and version of a record
_HTTP2_FRAMES: Final = (b"\x04\0\0\0\0\0", b"\x07\0\0\0\0\0")  # RFC 9113, section 4.1: SETTINGS, GOAWAY of no stream
_OPTIONS: Final = b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


AnswerEnd = Literal["whole", "cut", "unended"]


class ForeignProtocolError(HarnessError):
    """Something else than HTTP/1.1 over the target's transport is spoken there. ``scheme`` is the one that would do.

    The message is a verb and its object, to follow whoever speaks.
    """

    def __init__(self, message: str, scheme: Literal["http", "https"] | None = None) -> None:
        super().__init__(message)
        self.scheme = scheme


@dataclass(frozen=True)
class ProbeResponse:
    """What came back for one request. One that is *cut* ended before it was whole; of one that is *unended*, this had
    come when its time ran out, or when it was longer than an answer may be that does not say how long it is."""

    head: Head
    body_bytes: int
    body_sha256: str | None
    end: AnswerEnd
    took_s: float
    body_start: bytes = b""  # as far as a text is looked for in it

    @property
    def status(self) -> int:
        """As in the status line."""
        return self.head.status

    @property
    def is_endless(self) -> bool:
        """Whether it had not ended, and does not say when it will."""
        return self.end == "unended" and self.head.body_kind is not BodyKind.LENGTH

    @property
    def unfinished(self) -> str:
        """What is wrong with an answer that is not whole: a verb and its object, to follow the request."""
        came = f"{self.body_bytes:,} bytes in {self.took_s:.3g} s"
        if self.end == "cut":
            return f"is answered in part: the connection ended after {came} of its body"
        if self.is_endless:
            return f"sends an answer without end ({came} so far): a stream can't be measured as a request"
        return f"is answered too slowly: {came} of a body of {self.head.body_bytes:,}"


class Inquiry:
    """A connection for one request, of which every step ends at ``deadline_s`` of the monotonic clock.

    Raises OSError when it can't be opened: TimeoutError when it took too long, ssl.SSLError when the handshake failed.
    """

    def __init__(self, target: Target, deadline_s: float) -> None:
        self._target = target
        self._deadline_s = deadline_s
        self._began_s = time.monotonic()
        self._method = ""
        self._unsent = b""
        dialler = Connector(target)
        self._sock = dialler.dial()
        self._stream: Stream = self._sock
        try:
            self._finish_connecting()
            if dialler.is_tls:
                self._shake_hands(dialler)
        except BaseException:
            self._sock.close()
            raise

    def send(self, request: EncodedRequest) -> None:
        """Send the request, as far as there is room for it; :meth:`read` sends the rest."""
        self._began_s = time.monotonic()
        self._method, self._unsent = request.method, request.data
        self._send_more()

    def read(self, kept_bytes: int = 0) -> ProbeResponse:
        """Return the answer, with so much of its body, which may come before all of the request is sent.

        Raises OSError when there is none (TimeoutError when it is not begun in time), and ForeignProtocolError when it
        is not HTTP.
        """
        reader = ResponseReader(self._method, hashing=True, keep_bytes=kept_bytes)
        try:
            end = self._follow(reader)
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

    def _shake_hands(self, dialler: Connector) -> None:
        """For half of the time at most, so that there is some left to find out why it failed."""
        whole_s, now_s = self._deadline_s, time.monotonic()
        self._deadline_s = (now_s + whole_s) / 2
        stream = dialler.secure(self._sock)
        self._sock, self._stream = stream.sock, stream
        while True:
            with contextlib.suppress(BlockingIOError):
                stream.shake_hands()
                break
            self._wait(select.POLLIN)
        self._deadline_s = whole_s

    def _send_more(self) -> None:
        """Whoever has answered already may not want the rest: what it answered is still there to be read."""
        try:
            self._unsent = self._unsent[self._stream.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent = b""

    def _follow(self, reader: ResponseReader) -> AnswerEnd:
        """Read the answer as far as it goes, and return how it ended."""
        data = self._receive_first()
        while not reader.feed(data):
            if _is_too_long(reader):
                return "unended"
            if not (data := self._receive()):
                return "whole" if reader.end() else "cut"
        return "whole"

    def _receive_first(self) -> bytes:
        """Return the first bytes, by which it is told what is spoken. Raises as :meth:`read`."""
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
        """Return the next bytes; none when the peer has closed. Raises OSError, TimeoutError."""
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


def connect(target: Target, deadline_s: float) -> Inquiry:
    """Open a connection for one request. Raises OSError, and ForeignProtocolError when plain HTTP is spoken there."""
    try:
        return Inquiry(target, deadline_s)
    except ssl.SSLCertVerificationError:
        raise
    except (ssl.SSLError, ConnectionResetError, TimeoutError):
        if target.tls:
            _check_other_scheme(target, deadline_s)
        raise


def read_answer(inquiry: Inquiry, load: Load, deadline_s: float) -> ProbeResponse:
    """Return the answer as :meth:`Inquiry.read`, with what the load looks for a text in, unless it is one of a server
    that wanted TLS.

    Raises ForeignProtocolError for such a server too.
    """
    try:
        answer = inquiry.read(BodyCheck(load.expect).kept_bytes)
    except ConnectionError:
        inquiry.close()  # or a server that serves one at a time would not hear the next
        _check_other_scheme(load.target, deadline_s)
        raise
    if answer.status == BAD_REQUEST:
        inquiry.close()
        _check_other_scheme(load.target, deadline_s)
    return answer


def ask(load: Load, deadline_s: float) -> ProbeResponse:
    """Send the load's first request once and return the answer. Raises OSError, ForeignProtocolError."""
    with connect(load.target, deadline_s) as inquiry:
        inquiry.send(next(prepared_requests(load)))
        return read_answer(inquiry, load, deadline_s)


def _check_other_scheme(target: Target, deadline_s: float) -> None:
    """Raise ForeignProtocolError when the server speaks the other of http and https."""
    other = target.model_copy(update={"tls": None if target.tls else Tls(verify=False)})
    try:
        with Inquiry(other, min(deadline_s, time.monotonic() + RECOGNISE_S)) as inquiry:
            if other.tls is None:
                inquiry.send(EncodedRequest(_OPTIONS, len(_OPTIONS), "OPTIONS"))
                inquiry.read()
    except OSError:
        return
    except ForeignProtocolError as error:
        if error.scheme is None:
            raise
        return  # it does speak TLS, and did not like something else
    if other.tls:
        raise ForeignProtocolError("speaks TLS", "https")
    raise ForeignProtocolError("speaks plain HTTP, not TLS", "http")


def _check_http(data: bytes, target: Target) -> None:
    """Raise ForeignProtocolError when the first bytes of an answer are not those of HTTP/1."""
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


def reason_of(error: OSError) -> str:
    """Return what happened in words, without the codes of the system and of OpenSSL."""
    if isinstance(error, ssl.SSLError):
        return error.reason.replace("_", " ").lower() if error.reason else str(error)
    return error.strerror or str(error)
