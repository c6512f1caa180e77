"""Where a response ends: heads parsed by httptools, and bodies followed to the end."""

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
# The most to be read at once: a head takes 8 µs and 14 bytes or more, a chunk 0.5 µs and 6 bytes, a byte of a body
# 0.002 µs, so that no piece takes much more than half a millisecond.
HEAD_PIECE_BYTES: Final = 1024
CHUNKS_PIECE_BYTES: Final = 4 * 1024
BODY_PIECE_BYTES: Final = 64 * 1024
WORKER_HEADER: Final = b"x-worker"
SURPLUS: Final = "bytes beyond the end of the response"
_EMPTY_LINE: Final = re.compile(rb"\n\r?\n")  # with the end of the line before it; a bare LF ends a line as well
_CHUNKED_HEAD: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" + HEAD_END  # as good as any
_BARE_LF: Final = re.compile(rb"(?<!\r)\n")
_FOLD: Final = re.compile(rb"\r?\n[ \t]+")


class ProtocolError(HarnessError):
    """The peer sent something that is not one well-formed HTTP/1.1 response. The message is one of a few."""


class BodyKind(enum.Enum):
    """How the end of a body is known (RFC 9112, section 6.3)."""

    NONE = enum.auto()
    LENGTH = enum.auto()
    CHUNKED = enum.auto()
    UNTIL_CLOSE = enum.auto()


@dataclass(slots=True, eq=False)
class Head:
    """What a response head says, and how many complete responses began with it since last collected."""

    raw: bytes
    status: int
    body_kind: BodyKind
    body_bytes: int  # of a LENGTH body; 0 for the others
    keep_alive: bool
    worker: str
    total_bytes: int  # head and body together, for a response whose length the head tells
    hits: int = 0
    is_good: bool = True  # as far as a head tells, once it is known; a request's own figures need it at once
    checked: bool = False  # whether it stands for a whole response whose body was compared with the expected one

    @property
    def tells_all(self) -> bool:
        """Whether the loop can skip the body unseen and use the connection again."""
        return self.keep_alive and self.body_kind in (BodyKind.NONE, BodyKind.LENGTH)


class _HeadCallbacks:
    """What httptools calls while it reads a head."""

    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        name, value = name.lower(), value.strip(b" \t")
        before = self.headers.get(name)
        self.headers[name] = value if before is None else before + b"," + value


class _ChunkCallbacks:
    """What httptools calls while it reads a response in chunks; trailers are let pass unread."""

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
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade as error:
        raise ProtocolError("a switch of protocols nobody asked for") from error
    except httptools.HttpParserError as error:
        raise ProtocolError(str(error)) from error


def _canonical(raw: bytes) -> bytes:
    """The head with CRLF for every bare LF (RFC 9112, section 2.2) and no line folded (5.2); a fold may not follow the
    status line."""
    status_line, line_end, fields = raw.partition(b"\n")
    return _BARE_LF.sub(b"\r\n", status_line + line_end + fields[:1] + _FOLD.sub(b" ", fields[1:]))


def _parsed(raw: bytes) -> tuple[httptools.HttpResponseParser, dict[bytes, bytes]]:
    callbacks = _HeadCallbacks()
    parser = httptools.HttpResponseParser(callbacks)
    _feed(parser, raw)
    return parser, callbacks.headers


def parse_head(raw: bytes, method: str) -> Head:
    """Read ``raw``, a head up to and with its empty line, as the answer to a ``method`` request.

    Raises ProtocolError when httptools rejects it.
    """
    try:
        parser, headers = _parsed(raw)
    except ProtocolError:  # httptools wants it canonical, as nearly every head is
        parser, headers = _parsed(_canonical(raw))
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
    """RFC 9112, section 9.3. httptools' own answer counts a body it was not shown, as after HEAD, against it."""
    options = {option.strip() for option in headers.get(b"connection", b"").lower().split(b",")}
    return b"keep-alive" in options if version == "1.0" else b"close" not in options


class ResponseReader:
    """Follows one response byte by byte, however it is cut up; the careful twin of the loop's quick path.

    ``feed`` takes what arrived and says whether the response is complete; ``end`` says so of a closed connection.
    Interim (1xx) responses are passed over. The body is counted, and hashed when ``hashing``; of it ``body_start``
    holds the first ``keep_bytes``. With ``only_whole`` it is looked at if it comes all at once, and else only counted.
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
        self._body_left = 0
        self._digest = hashlib.sha256() if hashing else None
        self._callbacks = _ChunkCallbacks()
        self._chunks: httptools.HttpResponseParser | None = None
        self._empty_bytes = 0

    @classmethod
    def within_body(cls, method: str, head: Head, body_left: int) -> Self:
        """A reader for the rest of a response with a LENGTH body, of which ``body_left`` bytes are still to come."""
        reader = cls(method, hashing=False)
        reader.head, reader._body_left = head, body_left
        reader.received_bytes = head.total_bytes - body_left
        reader.body_bytes = head.body_bytes - body_left
        return reader

    def feed(self, data: bytes) -> bool:
        """Take the next bytes; True when the response is complete. Raises ProtocolError on anything else."""
        is_complete = self._feed(data)
        if self._only_whole and not is_complete:
            self.hashing, self._keep_bytes, self._digest = False, 0, None
        return is_complete

    def _feed(self, data: bytes) -> bool:
        self.received_bytes += len(data)
        if self.head is not None:
            return self._feed_body(data)
        begin = max(0, len(self._pending) - len(HEAD_END))  # what came before has been searched
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
        """Whether the response is complete now that the peer has closed the connection."""
        return self.head is not None and self.head.body_kind is BodyKind.UNTIL_CLOSE

    @property
    def piece_bytes(self) -> int:
        """The most bytes to feed at once, where other work waits meanwhile."""
        if self.head is None:
            return HEAD_PIECE_BYTES
        return BODY_PIECE_BYTES if self._chunks is None else CHUNKS_PIECE_BYTES

    @property
    def sees_body(self) -> bool:
        """Whether the body is looked at, and not only counted."""
        return self.hashing or self._keep_bytes > 0

    @property
    def body_left(self) -> int:
        """Bytes of a LENGTH body still to come."""
        return self._body_left

    @property
    def began_with_head(self) -> bool:
        """Whether no interim response came before the head."""
        return self.head is not None and self.received_bytes + self._body_left == self.head.total_bytes

    @property
    def body_sha256(self) -> str | None:
        """Hex digest of the body so far; None when not hashing."""
        return self._digest.hexdigest() if self._digest else None

    def _begin_body(self, head: Head) -> bool:
        self.head = head
        self._body_left = head.body_bytes
        if head.body_kind is BodyKind.CHUNKED:
            self._chunks = httptools.HttpResponseParser(self._callbacks)
            _feed(self._chunks, _CHUNKED_HEAD)
        first, self._pending = self._pending, b""
        return self._feed_body(first)

    def _feed_body(self, data: bytes) -> bool:
        if self._chunks is not None:
            return self._feed_chunks(self._chunks, data)
        if self.head is not None and self.head.body_kind is BodyKind.UNTIL_CLOSE:
            self._see(data)
            return False
        if len(data) > self._body_left:
            raise ProtocolError(SURPLUS)
        self._body_left -= len(data)
        self._see(data)
        return self._body_left == 0

    def _feed_chunks(self, parser: httptools.HttpResponseParser, data: bytes) -> bool:
        _feed(parser, data)
        if self._callbacks.messages_begun > 1:
            raise ProtocolError(SURPLUS)
        self._empty_bytes = 0 if self._callbacks.body_parts else self._empty_bytes + len(data)
        for part in self._callbacks.body_parts:
            self._see(part)
        self._callbacks.body_parts.clear()
        if self._empty_bytes > MAX_EMPTY_BYTES and not self._callbacks.complete:
            raise ProtocolError(f"more than {MAX_EMPTY_BYTES} bytes of chunk extensions or trailers")
        return self._callbacks.complete

    def _see(self, data: bytes) -> None:
        self.body_bytes += len(data)
        if self._digest:
            self._digest.update(data)
        if self._keep_bytes and len(self.body_start) < self._keep_bytes:
            self.body_start += data[: self._keep_bytes - len(self.body_start)]
