"""A server is asked by a deadline and within bounds, and what else it speaks is recognised."""

import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest
import trustme

from harness.generator import asking
from harness.generator.asking import ForeignProtocolError, ProbeResponse, ask
from harness.generator.probe import ProbeError, probe
from harness.load.spec import Tls
from tests.generator.loads import short_load
from tests.generator.messages import chunked, head_of, sized
from tests.generator.scripted_server import HOST, PATIENCE_S

Play = Callable[[socket.socket], None]
SHORT_S: Final = 0.3
LONG_S: Final = 20.0
OK: Final = head_of(200)
UNCHECKED: Final = Tls(verify=False)
HTTP2_SETTINGS: Final = b"\0\0\6\4\0\0\0\0\0\0\3\0\0\0\x64"


@contextlib.contextmanager
def serving(play: Play) -> Iterator[int]:
    """A server that plays on each connection, and its port."""
    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, play), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(listener: socket.socket, play: Play) -> None:
    threads = []
    with contextlib.suppress(OSError):
        while True:
            sock, _ = listener.accept()
            threads.append(threading.Thread(target=_play, args=(sock, play), daemon=True))
            threads[-1].start()
    for thread in threads:
        thread.join()


def _play(sock: socket.socket, play: Play) -> None:
    sock.settimeout(PATIENCE_S)
    with sock, contextlib.suppress(OSError):
        play(sock)


def says(*pieces: bytes) -> Play:
    """Answers what arrives first with these bytes, and closes."""

    def play(sock: socket.socket) -> None:
        sock.recv(65536)
        for piece in pieces:
            sock.sendall(piece)

    return play


def never_ends(begin: bytes, piece: bytes, pause_s: float = 0.0) -> Play:
    """Answers with a piece after the other until nobody takes it any more."""

    def play(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(begin)
        while not (select.select([sock], [], [], pause_s)[0] and not sock.recv(1)):
            sock.sendall(piece)

    return play


def speaks_tls(play: Play) -> Play:
    """The same over TLS; what is not TLS is closed without a word, or with an alert."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(HOST).configure_cert(context)

    def secured(sock: socket.socket) -> None:
        with context.wrap_socket(sock.dup(), server_side=True) as stream:
            play(stream)

    return secured


def asked(play: Play, patience_s: float = LONG_S, **changes: object) -> ProbeResponse:
    """What the server answers."""
    with serving(play) as port:
        return ask(short_load(port, **changes), time.monotonic() + patience_s)


ENDLESS: Final = [
    pytest.param(never_ends(OK, b"x", 0.01), True, id="body, byte by byte"),
    pytest.param(never_ends(OK, b"x" * 65536), True, id="body, fast"),
    pytest.param(never_ends(head_of(200, "Transfer-Encoding: chunked"), b"1\r\nx\r\n", 0.01), True, id="chunks"),
    pytest.param(never_ends(head_of(200, "Content-Type: text/event-stream"), b"data: x\n\n", 0.01), True, id="SSE"),
    pytest.param(never_ends(head_of(200, "Content-Length: 1000000"), b"x", 0.01), False, id="a length, byte by byte"),
]


@pytest.mark.parametrize(("play", "is_endless"), ENDLESS)
def test_what_does_not_end_is_left_at_the_deadline(play: Play, is_endless: bool) -> None:
    answer = asked(play, SHORT_S)
    assert (answer.status, answer.end, answer.is_endless) == (200, "unended", is_endless)
    assert answer.body_bytes > 0
    assert f"{answer.body_bytes:,} bytes in {answer.took_s:.3g} s" in answer.incomplete_reason


@pytest.mark.parametrize(
    "play",
    [
        pytest.param(never_ends(b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.01), id="head, byte by byte"),
        pytest.param(never_ends(b"H", b"", 0.01), id="part of a status line"),
        pytest.param(never_ends(b"", head_of(100), 0.01), id="interim answers"),
        pytest.param(never_ends(b"", head_of(103, "Link: a") * 1000), id="interim answers, fast"),
        pytest.param(never_ends(b"", b"", 0.01), id="nothing"),
    ],
)
def test_an_answer_that_does_not_begin_times_out(play: Play) -> None:
    with pytest.raises(TimeoutError, match="timed out"):
        asked(play, SHORT_S)


def test_an_endless_head_is_not_kept() -> None:
    with pytest.raises(ForeignProtocolError, match="a response head of more than 65536 bytes"):
        asked(never_ends(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000))


def test_what_is_too_long_is_left_before_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "MAX_ANSWER_BYTES", 2**20)
    answer = asked(never_ends(OK, b"x" * 65536))
    assert answer.is_endless
    assert answer.took_s < LONG_S / 2  # which is long before its deadline
    long = sized(b"x" * 2**21)
    assert asked(says(long)).end == "whole"  # it said so


@pytest.mark.parametrize(
    ("answer", "body_bytes"),
    [
        pytest.param(sized(b"twelve bytes"), 12, id="length"),
        pytest.param(chunked([b"twelve", b" bytes"]), 12, id="chunks"),
        pytest.param(OK + b"twelve bytes", 12, id="until the close"),
        pytest.param(head_of(200, version="1.0") + b"twelve bytes", 12, id="HTTP/1.0"),
        pytest.param(head_of(100) + head_of(103) + sized(b"twelve bytes"), 12, id="after interim answers"),
        pytest.param(head_of(304, "Content-Length: 12"), 0, id="304"),
    ],
)
def test_whole_answers_are_whole_however_they_come(answer: bytes, body_bytes: int) -> None:
    for pieces in ((answer,), tuple(answer[at : at + 7] for at in range(0, len(answer), 7))):
        found = asked(says(*pieces))
        assert (found.end, found.body_bytes) == ("whole", body_bytes)


def test_the_answer_to_head_has_no_body() -> None:
    assert asked(says(head_of(200, "Content-Length: 12")), method="HEAD").body_bytes == 0


def test_an_answer_that_is_cut_is_told() -> None:
    answer = asked(says(head_of(200, "Content-Length: 12") + b"half"))
    assert answer.end == "cut"
    assert "answered in part: the connection ended after 4 bytes" in answer.incomplete_reason


def test_an_early_answer_is_the_answer() -> None:
    """The server reads no more of a large request when it has said that it is too large."""

    def play(sock: socket.socket) -> None:
        sock.recv(1024)
        sock.sendall(sized(b"too large", status=413))
        poll = select.poll()
        poll.register(sock, select.POLLRDHUP)
        poll.poll(PATIENCE_S * 1000)

    answer = asked(play, method="POST", body=b"x" * 2**22)
    assert answer.status == 413
    assert answer.took_s < LONG_S / 2  # it did not wait to send the rest


@pytest.mark.parametrize("end", [b"", b"HTTP/1.1 200 OK\r\n"], ids=["without a word", "in the head"])
def test_a_connection_closed_without_an_answer_is_told(end: bytes) -> None:
    with pytest.raises(ConnectionResetError):
        asked(says(end))


# What else is spoken --------------------------------------------------------------------------------------------


def recognised(play: Play, patience_s: float = LONG_S, **changes: object) -> ForeignProtocolError:
    with pytest.raises(ForeignProtocolError) as caught:
        asked(play, patience_s, **changes)
    return caught.value


def bad_request_in_plain_http(play: Play) -> Play:
    """What nginx, Apache, Go and HAProxy do where they want TLS."""
    secured = speaks_tls(play)

    def either(sock: socket.socket) -> None:
        if sock.recv(1, socket.MSG_PEEK) == b"\x16":
            secured(sock)
        else:
            says(sized(b"plain HTTP was sent to the HTTPS port", status=400))(sock)

    return either


def hangs_up_on_what_is_not_tls(play: Play) -> Play:
    """What Node and asyncio do."""
    secured = speaks_tls(play)

    def either(sock: socket.socket) -> None:
        if sock.recv(1, socket.MSG_PEEK) == b"\x16":
            secured(sock)

    return either


@pytest.mark.parametrize(
    "play",
    [
        pytest.param(says(b"\x15\x03\x01\x00\x02\x02\x46"), id="an alert"),
        pytest.param(speaks_tls(says(sized(b"x"))), id="OpenSSL's own way"),
        pytest.param(hangs_up_on_what_is_not_tls(says(sized(b"x"))), id="hangs up"),
        pytest.param(bad_request_in_plain_http(says(sized(b"x"))), id="400"),
    ],
)
def test_tls_on_a_plain_port_is_recognised(play: Play) -> None:
    error = recognised(play)
    assert (str(error), error.scheme) == ("speaks TLS", "https")


def silent_until_a_line_ends(sock: socket.socket) -> None:
    """What reads lines waits for the end of the first, which a handshake may not have."""
    received = b""
    while b"HTTP/1.1\r\n" not in received:
        if not (data := sock.recv(4096)):
            return
        received += data
    sock.sendall(sized(b"x"))


@pytest.mark.parametrize(
    "play",
    [
        pytest.param(says(head_of(400, "Content-Length: 0")), id="400"),
        pytest.param(silent_until_a_line_ends, id="waits for a line"),
    ],
)
def test_plain_http_where_tls_is_wanted_is_recognised(play: Play) -> None:
    error = recognised(play, patience_s=2.0, tls=UNCHECKED)
    assert (str(error), error.scheme) == ("speaks plain HTTP, not TLS", "http")


@pytest.mark.parametrize("tls", [None, UNCHECKED], ids=["plain", "TLS"])
@pytest.mark.parametrize(
    ("banner", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.7\r\n", "does not speak HTTP/1.1: it answers 'SSH-2.0-OpenSSH_9.7"),
        (b"220 mail.example ESMTP\r\n", "does not speak HTTP/1.1: it answers '220 mail.example ESMTP"),
        (b"-ERR unknown command\r\n", "does not speak HTTP/1.1: it answers '-ERR"),
        (HTTP2_SETTINGS, "speaks HTTP/2, without HTTP/1.1"),
    ],
)
def test_what_is_no_http_is_recognised_by_what_it_says(banner: bytes, words: str, tls: Tls | None) -> None:
    error = recognised(says(banner), tls=tls)
    assert str(error).startswith(words)
    assert error.scheme is None


def test_http2_alone_is_recognised_over_tls() -> None:
    assert str(recognised(speaks_tls(says(HTTP2_SETTINGS)), tls=UNCHECKED)) == "speaks HTTP/2, without HTTP/1.1"


def test_a_400_in_plain_http_is_an_answer_like_others() -> None:
    assert asked(says(sized(b"bad", status=400))).status == 400


def test_a_server_that_speaks_tls_but_not_with_us_is_not_taken_for_plain_http() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(HOST).configure_cert(context)
    context.set_ciphers("PSK-AES128-GCM-SHA256")
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    def play(sock: socket.socket) -> None:
        context.wrap_socket(sock.dup(), server_side=True)

    with pytest.raises(ssl.SSLError):
        asked(play, tls=UNCHECKED)


# The probe of a load --------------------------------------------------------------------------------------------


def probed(play: Play, **changes: object) -> str:
    """What is said of the server before a load; nothing if it can be loaded."""
    with serving(play) as port:
        try:
            probe(short_load(port, **{"timeout_s": SHORT_S} | changes))
        except ProbeError as error:
            return str(error).replace(str(port), "PORT")
    return ""


@pytest.mark.parametrize(
    "play",
    [
        pytest.param(never_ends(b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.01), id="slow head"),
        pytest.param(never_ends(b"", head_of(100), 0.01), id="interim answers"),
        pytest.param(never_ends(head_of(200, "Content-Length: 1000000"), b"x", 0.01), id="slow body"),
        pytest.param(says(head_of(200, "Content-Length: 12") + b"half"), id="cut"),
        pytest.param(says(sized(b"", status=500)), id="500"),
    ],
)
def test_what_is_slow_or_bad_is_left_to_the_load_to_measure(play: Play) -> None:
    assert probed(play) == ""


def test_a_stream_is_no_request_to_be_loaded_with() -> None:
    said = probed(never_ends(OK, b"x", 0.01))
    assert said.startswith("127.0.0.1:PORT sends an answer without end (")
    assert said.endswith("choose another path or, where it does end, a longer --timeout")


def test_the_scheme_that_would_do_is_named() -> None:
    tls = {"tls": UNCHECKED, "timeout_s": 2.0}
    assert probed(speaks_tls(says(sized(b"x")))) == "127.0.0.1:PORT speaks TLS: load https://127.0.0.1:PORT instead"
    said = probed(says(head_of(400, "Content-Length: 0")), **tls)
    assert said == "127.0.0.1:PORT speaks plain HTTP, not TLS: load http://127.0.0.1:PORT instead"
