"""The framing of responses: heads are parsed by httptools, and bodies followed to their end."""

import enum
import hashlib
import re
from dataclasses import dataclass
from typing import Final, Self

import httptools

from harness.errors import HarnessError

HEAD_END: Final = b"\r\n\r\n"
MAX_HEAD_BYTES: Final = 64 * 1024
MAX_EMPTY_BYTES: Final = 64 * 1024  # chunk extensions or trailers in a row, without a byte of body
# The most to be read at once, so that no piece takes much more than half a millisecond: a head takes 8 µs and has 14
# bytes or more, a chunk takes 0.5 µs and has 6 bytes or more, and a byte of a body takes 0.002 µs.
HEAD_PIECE_BYTES: Final = 1024
CHUNKS_PIECE_BYTES: Final = 4 * 1024
BODY_PIECE_BYTES: Final = 64 * 1024
WORKER_HEADER: Final = b"x-worker"
SURPLUS: Final = "bytes beyond the end of the response"
_EMPTY_LINE: Final = re.compile(rb"\n\r?\n")  # and the end of the line before it; a bare LF ends a line as well
_CHUNKED_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" + HEAD_END
)  # any head of a chunked response would do
_BARE_LF: Final = re.compile(rb"(?<!\r)\n")
_FOLD: Final = re.compile(rb"\r?\n[ \t]+")


class ProtocolError(HarnessError):
    """A peer sent something else than one well-formed HTTP/1.1 response. There are few different messages."""


class BodyKind(enum.Enum):
    """The way in which the end of a body is determined (RFC 9112, section 6.3)."""

    NONE = enum.auto()
    LENGTH = enum.auto()
    CHUNKED = enum.auto()
    UNTIL_CLOSE = enum.auto()


@dataclass(slots=True, eq=False)
class Head:
    """The head of a response, and the number of complete responses that began with it since its hits were collected."""

    raw: bytes
    status: int
    body_kind: BodyKind
    body_bytes: int  # of a LENGTH body; 0 for the others
    keep_alive: bool
    worker: str
    total_bytes: int  # head and body together, where the head says the length of the body
    hits: int = 0
    is_good: bool = True  # as far as a head says; set when it is cached, for the figures of each kind
    checked: bool = False  # True if it stands for a whole response whose body was compared with the expected one

    @property
    def is_self_delimiting(self) -> bool:
        """True if the head says where the response ends: the loop can skip the body and reuse the connection."""
        return self.keep_alive and self.body_kind in (BodyKind.NONE, BodyKind.LENGTH)


class _HeadCallbacks:
    """The callbacks of httptools while it reads a head."""

    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        name, value = name.lower(), value.strip(b" \t")
        before = self.headers.get(name)
        self.headers[name] = value if before is None else before + b"," + value


class _ChunkCallbacks:
    """The callbacks of httptools while it reads a chunked response. Trailers are ignored."""

    def __init__(self) -> None:
        self.body_parts: list[bytes] = []
        self.messages_begun = 0
        self.complete = False

    def on_message_begin(self) -> None:
        self.messages_begun += 1

    def on_body(self, body: bytes) -> None:
        self.body_parts.append(body)

    def on_message_complete(self) -> None:
        self.complete = True


def _feed(parser: httptools.HttpResponseParser, data: bytes) -> None:
    """Feed the parser. Raises ProtocolError where httptools rejects the bytes."""
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade as error:
        raise ProtocolError("a switch of protocols nobody asked for") from error
    except httptools.HttpParserError as error:
        raise ProtocolError(str(error)) from error


def _canonicalize(raw: bytes) -> bytes:
    """Return the head with CRLF for every bare LF (RFC 9112, section 2.2) and with folded lines unfolded (section 5.2).

    The line after the status line is not unfolded: no fold may stand there.
    """
    status_line, line_end, fields = raw.partition(b"\n")
    return _BARE_LF.sub(b"\r\n", status_line + line_end + fields[:1] + _FOLD.sub(b" ", fields[1:]))


def _run_parser(raw: bytes) -> tuple[httptools.HttpResponseParser, dict[bytes, bytes]]:
    """Return the parser that has read the head, and the headers by their names in lower case."""
    callbacks = _HeadCallbacks()
    parser = httptools.HttpResponseParser(callbacks)
    _feed(parser, raw)
    return parser, callbacks.headers


def parse_head(raw: bytes, method: str) -> Head:
    """Parse ``raw``, a head including its empty line, as the response to a ``method`` request.

    Raises ProtocolError when httptools rejects it.
    """
    try:
        parser, headers = _run_parser(raw)
    except ProtocolError:  # httptools accepts only the canonical form, which nearly every head has
        parser, headers = _run_parser(_canonicalize(raw))
    status = parser.get_status_code()
    if status < 100:
        raise ProtocolError("no status line")
    if method == "HEAD" or status in (204, 304) or 100 <= status < 200:
        body_kind = BodyKind.NONE
    elif b"transfer-encoding" in headers:
        last_coding = headers[b"transfer-encoding"].lower().rpartition(b",")[2].strip()
        body_kind = BodyKind.CHUNKED if last_coding == b"chunked" else BodyKind.UNTIL_CLOSE
    elif b"content-length" in headers:
        body_kind = BodyKind.LENGTH
    else:
        body_kind = BodyKind.UNTIL_CLOSE
    body_bytes = int(headers[b"content-length"]) if body_kind is BodyKind.LENGTH else 0
    return Head(
        raw=raw,
        status=status,
        body_kind=body_kind,
        body_bytes=body_bytes,
        keep_alive=_keeps_alive(headers, parser.get_http_version()),
        worker=headers.get(WORKER_HEADER, b"").decode("latin-1"),
        total_bytes=len(raw) + body_bytes,
    )


def _keeps_alive(headers: dict[bytes, bytes], version: str) -> bool:
    """Check whether the connection persists (RFC 9112, section 9.3).

    httptools has a check of its own, which is wrong after HEAD: it misses a body that it was not given.
    """
    options = {option.strip() for option in headers.get(b"connection", b"").lower().split(b",")}
    return b"keep-alive" in options if version == "1.0" else b"close" not in options


class ResponseReader:
    """A parser of one response, in whatever pieces it arrives; the thorough counterpart of the loop's quick path.

    ``feed`` takes the bytes that arrived and returns whether the response is complete; ``end`` returns so after the
    connection was closed. Interim (1xx) responses are skipped. The body is counted, and hashed if ``hashing``;
    ``body_start`` holds its first ``keep_bytes``. With ``only_whole`` the body is hashed and kept only if the response
    comes all at once, and otherwise only counted.
    """

    def __init__(self, method: str, hashing: bool, keep_bytes: int = 0, only_whole: bool = False) -> None:
        self.head: Head | None = None
        self.hashing = hashing
        self.received_bytes = 0
        self.body_bytes = 0
        self.body_start = bytearray()
        self._keep_bytes = keep_bytes
        self._only_whole = only_whole
        self._method = method
        self._pending = b""
        self._body_remaining = 0
        self._digest = hashlib.sha256() if hashing else None
        self._callbacks = _ChunkCallbacks()
        self._chunks: httptools.HttpResponseParser | None = None
        self._empty_bytes = 0

    @classmethod
    def resume_body(cls, method: str, head: Head, body_remaining: int) -> Self:
        """Return a reader for the rest of a response with a LENGTH body, of which so many bytes are to come."""
        reader = cls(method, hashing=False)
        reader.head, reader._body_remaining = head, body_remaining
        reader.received_bytes = head.total_bytes - body_remaining
        reader.body_bytes = head.body_bytes - body_remaining
        return reader

    def feed(self, data: bytes) -> bool:
        """Take the next bytes; return True once the response is complete. Raises ProtocolError if it is malformed."""
        is_complete = self._feed(data)
        if self._only_whole and not is_complete:
            self.hashing, self._keep_bytes, self._digest = False, 0, None
        return is_complete

    def _feed(self, data: bytes) -> bool:
        self.received_bytes += len(data)
        if self.head is not None:
            return self._feed_body(data)
        begin = max(0, len(self._pending) - len(HEAD_END))  # the bytes before it have been searched
        self._pending += data
        while match := _EMPTY_LINE.search(self._pending, begin, MAX_HEAD_BYTES):
            begin = 0
            raw, self._pending = self._pending[: match.end()], self._pending[match.end() :]
            head = parse_head(raw, self._method)
            if head.status >= 200:
                return self._begin_body(head)
        if len(self._pending) > MAX_HEAD_BYTES:
            raise ProtocolError(f"a response head of more than {MAX_HEAD_BYTES} bytes")
        return False

    def end(self) -> bool:
        """Return whether the response is complete, now that the peer has closed the connection."""
        return self.head is not None and self.head.body_kind is BodyKind.UNTIL_CLOSE

    @property
    def piece_bytes(self) -> int:
        """The most bytes to feed at once where other work waits meanwhile."""
        if self.head is None:
            return HEAD_PIECE_BYTES
        return BODY_PIECE_BYTES if self._chunks is None else CHUNKS_PIECE_BYTES

    @property
    def inspects_body(self) -> bool:
        """True if the body is hashed or kept, and not only counted."""
        return self.hashing or self._keep_bytes > 0

    @property
    def body_remaining(self) -> int:
        """The number of bytes of a LENGTH body that are still to come."""
        return self._body_remaining

    @property
    def has_no_interim(self) -> bool:
        """True if no interim response came before the head."""
        return self.head is not None and self.received_bytes + self._body_remaining == self.head.total_bytes

    @property
    def body_sha256(self) -> str | None:
        """The SHA-256 of the body so far, in hex; None when not hashing."""
        return self._digest.hexdigest() if self._digest else None

    def _begin_body(self, head: Head) -> bool:
        self.head = head
        self._body_remaining = head.body_bytes
        if head.body_kind is BodyKind.CHUNKED:
            self._chunks = httptools.HttpResponseParser(self._callbacks)
            _feed(self._chunks, _CHUNKED_HEAD)
        first, self._pending = self._pending, b""
        return self._feed_body(first)

    def _feed_body(self, data: bytes) -> bool:
        if self._chunks is not None:
            return self._feed_chunks(self._chunks, data)
        if self.head is not None and self.head.body_kind is BodyKind.UNTIL_CLOSE:
            self._take_body(data)
            return False
        if len(data) > self._body_remaining:
            raise ProtocolError(SURPLUS)
        self._body_remaining -= len(data)
        self._take_body(data)
        return self._body_remaining == 0

    def _feed_chunks(self, parser: httptools.HttpResponseParser, data: bytes) -> bool:
        _feed(parser, data)
        if self._callbacks.messages_begun > 1:
            raise ProtocolError(SURPLUS)
        self._empty_bytes = 0 if self._callbacks.body_parts else self._empty_bytes + len(data)
        for part in self._callbacks.body_parts:
            self._take_body(part)
        self._callbacks.body_parts.clear()
        if self._empty_bytes > MAX_EMPTY_BYTES and not self._callbacks.complete:
            raise ProtocolError(f"more than {MAX_EMPTY_BYTES} bytes of chunk extensions or trailers")
        return self._callbacks.complete

    def _take_body(self, data: bytes) -> None:
        self.body_bytes += len(data)
        if self._digest:
            self._digest.update(data)
        if self._keep_bytes and len(self.body_start) < self._keep_bytes:
            self.body_start += data[: self._keep_bytes - len(self.body_start)]
