"""Responses cut at arbitrary places are read to their last byte and not beyond it."""

import hashlib
from dataclasses import dataclass
from string import ascii_letters, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.generator.framing import MAX_HEAD_BYTES, BodyKind, ProtocolError, ResponseReader, parse_head
from tests.generator.messages import chunked, cut, cut_every, head_of, sized

TOKEN = st.text(f"{ascii_letters}{digits}!#$%&'*+-.^_`|~", min_size=1, max_size=12)
HEADER_VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
HEADER = st.builds("X-Test-{}: {}".format, TOKEN, HEADER_VALUE)
HEADERS = st.lists(HEADER, max_size=4)
BODY = st.binary(max_size=200) | st.just(b"\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
CHUNK_EXTENSION = st.sampled_from([b"", b";a", b";a=b", b";a=b;c=d", b';a="b c"'])
STATUS = st.integers(200, 599).filter(lambda status: status not in (204, 304))


@dataclass(frozen=True)
class Exchange:
    """A well-formed response to a ``method`` request, and what a reader is to make of it."""

    raw: bytes
    head: bytes
    body: bytes = b""
    method: str = "GET"
    until_close: bool = False


@st.composite
def length_exchanges(draw: st.DrawFn) -> Exchange:
    body = draw(BODY)
    name = draw(st.sampled_from(["Content-Length", "content-length", "CONTENT-LENGTH"]))
    lines = draw(st.permutations([f"{name}: {len(body)}", *draw(HEADERS)]))
    head = head_of(draw(STATUS), *lines)
    return Exchange(head + body, head, body)


@st.composite
def chunked_exchanges(draw: st.DrawFn) -> Exchange:
    parts = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=5))
    trailers = "".join(f"{line}\r\n" for line in draw(HEADERS)).encode()
    raw = chunked(parts, *draw(HEADERS), extension=draw(CHUNK_EXTENSION), trailers=trailers)
    return Exchange(raw, raw[: raw.index(b"\r\n\r\n") + 4], b"".join(parts))


@st.composite
def bodiless_exchanges(draw: st.DrawFn) -> Exchange:
    """Responses without a body, some of which announce one all the same."""
    status, method = draw(st.sampled_from([(204, "GET"), (304, "GET"), (200, "HEAD"), (404, "HEAD")]))
    announced = draw(st.sampled_from([[], ["Content-Length: 5"], ["Transfer-Encoding: chunked"]]))
    head = head_of(status, *announced, *draw(HEADERS))
    return Exchange(head, head, method=method)


@st.composite
def until_close_exchanges(draw: st.DrawFn) -> Exchange:
    head, body = head_of(draw(STATUS), *draw(HEADERS), version=draw(st.sampled_from(["1.0", "1.1"]))), draw(BODY)
    return Exchange(head + body, head, body, until_close=True)


SELF_DELIMITED = length_exchanges() | chunked_exchanges() | bodiless_exchanges()
EXCHANGES = SELF_DELIMITED | until_close_exchanges()
INTERIM = st.lists(st.sampled_from([head_of(100), head_of(103, "Link: </a.css>")]), max_size=2).map(b"".join)
CUTS = st.lists(st.integers(0, 400), max_size=8)
SURPLUS = st.binary(min_size=1, max_size=60).filter(lambda surplus: surplus[0] not in b"\r\n")  # see the test of those


@given(exchange=EXCHANGES, interim=INTERIM, places=CUTS)
def test_a_response_is_complete_exactly_at_its_last_byte(exchange: Exchange, interim: bytes, places: list[int]) -> None:
    reader = ResponseReader(exchange.method, hashing=True)
    *before, last = cut(interim + exchange.raw, places)
    assert not any(reader.feed(piece) for piece in before)
    assert reader.feed(last) is not exchange.until_close
    assert reader.end() is exchange.until_close
    assert reader.head is not None
    assert reader.head.raw == exchange.head
    assert reader.body_sha256 == hashlib.sha256(exchange.body).hexdigest()
    assert reader.received_bytes == len(interim) + len(exchange.raw)


@given(exchange=SELF_DELIMITED, interim=INTERIM, places=CUTS, data=st.data())
def test_a_response_that_breaks_off_is_not_complete(
    exchange: Exchange, interim: bytes, places: list[int], data: st.DataObject
) -> None:
    raw = interim + exchange.raw
    kept = raw[: data.draw(st.integers(0, len(raw) - 1))]
    reader = ResponseReader(exchange.method, hashing=False)
    assert not any(reader.feed(piece) for piece in cut(kept, places))
    assert not reader.end()


@given(exchange=until_close_exchanges(), data=st.data())
def test_a_head_that_breaks_off_is_not_complete(exchange: Exchange, data: st.DataObject) -> None:
    reader = ResponseReader(exchange.method, hashing=False)
    assert not reader.feed(exchange.head[: data.draw(st.integers(0, len(exchange.head) - 1))])
    assert not reader.end()


@given(exchange=SELF_DELIMITED, surplus=SURPLUS, places=CUTS)
def test_bytes_beyond_the_end_are_rejected(exchange: Exchange, surplus: bytes, places: list[int]) -> None:
    """The last piece holds the end of the response and what is too much."""
    *before, last = cut(exchange.raw, places)
    reader = ResponseReader(exchange.method, hashing=False)
    assert not any(reader.feed(piece) for piece in before)
    with pytest.raises(ProtocolError):
        reader.feed(last + surplus)


@pytest.mark.parametrize("response", [sized(b"abc"), head_of(204)], ids=["length", "204"])
@pytest.mark.parametrize("surplus", [b"\r\n", b"\r\n\r\n"], ids=["one", "two"])
def test_line_ends_beyond_the_end_are_rejected(response: bytes, surplus: bytes) -> None:
    with pytest.raises(ProtocolError):
        ResponseReader("GET", hashing=False).feed(response + surplus)


@pytest.mark.parametrize("response", [sized(b"one"), chunked([b"one"])], ids=["length", "chunked"])
@pytest.mark.parametrize("surplus", [b"H", sized(b"two"), chunked([b"two"])], ids=["begun", "length", "chunked"])
def test_a_second_response_is_surplus(response: bytes, surplus: bytes) -> None:
    with pytest.raises(ProtocolError):
        ResponseReader("GET", hashing=False).feed(response + surplus)


@given(junk=st.binary(min_size=1, max_size=200), places=CUTS)
def test_junk_never_raises_anything_but_a_protocol_error(junk: bytes, places: list[int]) -> None:
    reader = ResponseReader("GET", hashing=False)
    try:
        complete = any(reader.feed(piece) for piece in cut(junk + b"\r\n\r\n", places))
    except ProtocolError:
        return
    assert not complete or junk.startswith(b"HTTP/1.")  # luck may write a whole response, such as HTTP/1.0 204


@pytest.mark.parametrize("step", [1000, 2 * MAX_HEAD_BYTES], ids=["pieces", "whole"])
def test_an_overlong_head_is_rejected_however_it_arrives(step: int) -> None:
    raw = head_of(200, "Content-Length: 0", f"X-Long: {'x' * MAX_HEAD_BYTES}")
    reader = ResponseReader("GET", hashing=False)
    with pytest.raises(ProtocolError, match="head of more than"):
        any(reader.feed(piece) for piece in cut_every(raw, step))


def test_a_head_of_the_greatest_length_is_read() -> None:
    padding = MAX_HEAD_BYTES - len(head_of(200, "Content-Length: 0", "X-Long: "))
    raw = head_of(200, "Content-Length: 0", f"X-Long: {'x' * padding}")
    assert ResponseReader("GET", hashing=False).feed(raw)


def test_without_hashing_there_is_no_digest() -> None:
    reader = ResponseReader("GET", hashing=False)
    assert reader.feed(sized(b"abc"))
    assert reader.body_sha256 is None


def test_the_rest_of_a_sized_body_is_known() -> None:
    reader = ResponseReader("GET", hashing=False)
    reader.feed(sized(b"0123456789")[:-4])
    assert reader.body_remaining == 4
    assert reader.head is not None
    assert reader.head.body_kind is BodyKind.LENGTH
    assert reader.head.total_bytes == len(sized(b"0123456789"))


@pytest.mark.parametrize(
    ("lines", "method", "kind", "body_bytes"),
    [
        (["Content-Length: 12"], "GET", BodyKind.LENGTH, 12),
        (["Content-Length: 0"], "GET", BodyKind.LENGTH, 0),
        (["Content-Length: 12"], "HEAD", BodyKind.NONE, 0),
        (["Transfer-Encoding: chunked"], "GET", BodyKind.CHUNKED, 0),
        (["Transfer-Encoding: gzip, Chunked"], "GET", BodyKind.CHUNKED, 0),
        (["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"], "GET", BodyKind.CHUNKED, 0),
        (["Transfer-Encoding: chunked"], "HEAD", BodyKind.NONE, 0),
        (["Transfer-Encoding: gzip"], "GET", BodyKind.UNTIL_CLOSE, 0),
        (["Transfer-Encoding: chunked, gzip"], "GET", BodyKind.UNTIL_CLOSE, 0),
        ([], "GET", BodyKind.UNTIL_CLOSE, 0),
    ],
)
def test_how_the_end_of_the_body_is_known(lines: list[str], method: str, kind: BodyKind, body_bytes: int) -> None:
    head = parse_head(head_of(200, *lines), method)
    assert (head.body_kind, head.body_bytes) == (kind, body_bytes)


@pytest.mark.parametrize("status", [100, 103, 204, 304])
def test_statuses_without_a_body(status: int) -> None:
    assert parse_head(head_of(status, "Content-Length: 7"), "GET").body_kind is BodyKind.NONE


@pytest.mark.parametrize(
    ("version", "lines", "keep_alive"),
    [
        ("1.1", [], True),
        ("1.1", ["Connection: keep-alive"], True),
        ("1.1", ["Connection: close"], False),
        ("1.1", ["connection: Close"], False),
        ("1.1", ["Connection: foo, close"], False),
        ("1.1", ["Connection: close", "Connection: foo"], False),
        ("1.1", ["Connection: closely"], True),
        ("1.0", [], False),
        ("1.0", ["Connection: Keep-Alive"], True),
        ("1.0", ["Connection: close"], False),
    ],
)
def test_whether_the_connection_is_kept(version: str, lines: list[str], keep_alive: bool) -> None:
    head = parse_head(head_of(200, "Content-Length: 0", *lines, version=version), "GET")
    assert head.keep_alive is keep_alive
    assert head.is_self_delimiting is keep_alive


@pytest.mark.parametrize(
    ("lines", "worker"),
    [
        ([], ""),
        (["X-Worker: 4711"], "4711"),
        (["x-worker: w-1"], "w-1"),
        (["X-Worker: 4711 "], "4711"),
        (["X-Worker:"], ""),
        (["X-Workers: 1"], ""),
    ],
)
def test_the_worker(lines: list[str], worker: str) -> None:
    assert parse_head(head_of(200, "Content-Length: 0", *lines), "GET").worker == worker


@pytest.mark.parametrize(
    ("lines", "worker"),
    [
        (b"X-Worker: one\r\n two\r\n", "one two"),
        (b"X-Worker: one\r\n\t\t two\r\n  three\r\n", "one two three"),
        (b"X-Worker:\r\n one\r\n", "one"),
        (b"X-Worker: one\n two\n", "one two"),
        (b"X-Worker: one\r\n \r\n", "one"),
    ],
)
def test_folded_lines_are_one_line(lines: bytes, worker: str) -> None:
    """RFC 9112, section 5.2."""
    raw = b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 3\r\n\r\n"
    head = parse_head(raw, "GET")
    assert (head.worker, head.body_bytes, head.raw) == (worker, 3, raw)


@pytest.mark.parametrize("fold", [b" folded: line", b"\tContent-Length: 3"])
@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"], ids=["CRLF", "LF"])
def test_after_the_status_line_a_fold_is_none(fold: bytes, line_end: bytes) -> None:
    """RFC 9112, section 2.2: rejected, or a server could hide a field from some of its readers."""
    with pytest.raises(ProtocolError):
        parse_head(line_end.join([b"HTTP/1.1 200 OK", fold, b"", b""]), "GET")


@given(exchange=SELF_DELIMITED, places=CUTS, mixed=st.booleans())
def test_a_bare_lf_ends_a_line_of_a_head(exchange: Exchange, places: list[int], mixed: bool) -> None:
    """RFC 9112, section 2.2. Of a body it is a byte like any other."""
    head = exchange.head.replace(b"\r\n", b"\n", 2 if mixed else -1)
    reader = ResponseReader(exchange.method, hashing=True)
    *before, last = cut(head + exchange.raw.removeprefix(exchange.head), places)
    assert not any(reader.feed(piece) for piece in before)
    assert reader.feed(last)
    assert reader.head is not None
    assert reader.head.raw == head
    assert reader.body_sha256 == hashlib.sha256(exchange.body).hexdigest()


@pytest.mark.parametrize("status", [200, 301, 404, 503])
def test_the_status(status: int) -> None:
    assert parse_head(head_of(status, "Content-Length: 0"), "GET").status == status


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(head_of(200, "Content-Length: 5", "Content-Length: 6"), id="conflicting lengths"),
        pytest.param(head_of(200, "Content-Length: 5", "Transfer-Encoding: chunked"), id="length and chunked"),
        pytest.param(head_of(200, "Transfer-Encoding: chunked", "Content-Length: 5"), id="chunked and length"),
        pytest.param(head_of(200, "Content-Length: five"), id="length no number"),
        pytest.param(head_of(200, "Content-Length: -5"), id="length negative"),
        pytest.param(head_of(200, "Content-Length: 99999999999999999999999"), id="length beyond 64 bits"),
        pytest.param(head_of(200, "no colon"), id="header without a colon"),
        pytest.param(b"\r\n\r\n", id="no status line"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="a request"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 20 OK\r\n\r\n", id="status of two digits"),
        pytest.param(b"HTTP/1.1 099 OK\r\n\r\n", id="status below 100"),
        pytest.param(b"HTTP/1.1 2000 OK\r\n\r\n", id="status of four digits"),
        pytest.param(head_of(101, "Connection: Upgrade", "Upgrade: websocket"), id="upgrade"),
        pytest.param(head_of(101), id="bare switch of protocols"),
    ],
)
def test_heads_that_are_rejected(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_head(raw, "GET")
