"""Answers that come while the request is still being sent are answers, whatever becomes of the connection."""

import socket
import ssl
from collections.abc import Callable
from typing import Final

import pytest

from harness.load.result import Errors, LoadResult
from harness.load.spec import Arrivals, Tls
from tests.generator.accounting import assert_adds_up
from tests.generator.forked import forked_loop
from tests.generator.loads import short_load
from tests.generator.messages import chunked, head_of, sized
from tests.generator.talking_server import READ_BYTES, Talk, TalkingServer, linger, read_head, read_rest, reset

BODY: Final = b"0123456789abcdef" * 500_000  # 8 MB, more than the kernel takes without being read
TOO_LARGE: Final = sized(b"too large", "Connection: close", status=413)
CLOSED: Final[dict[str, object]] = {"connections": 2, "duration_s": 0.5}
OPEN: Final[dict[str, object]] = {"arrivals": Arrivals(rate_per_s=30), "connections": 5, "duration_s": 0.25}
LOOPS: Final = {"closed": CLOSED, "open": OPEN}

any_loop = pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)


def post(talk: Talk, **changes: object) -> LoadResult:
    """A load of large requests on this server."""
    return post_to(lambda: TalkingServer(talk), **changes)


def post_over_tls(talk: Talk, context: ssl.SSLContext) -> LoadResult:
    """The same over TLS."""
    return post_to(lambda: TalkingServer(talk, context), tls=Tls(verify=False), duration_s=0.6)


def post_to(talking: Callable[[], TalkingServer], **changes: object) -> LoadResult:
    usual: dict[str, object] = {"method": "POST", "body": BODY, "threads": 1, "timeout_s": 3.0}
    with forked_loop() as offer, talking() as server:
        result = offer(short_load(server.port, **usual | CLOSED | changes))
    assert_adds_up(result)
    return result


def echo(sock: socket.socket) -> None:
    """What comes is sent back, and not read on before it is taken; twice the kernel's buffers don't hold it."""
    while (request := read_head(sock))[0]:
        data, left = request[1], len(BODY) - len(request[1])
        sock.sendall(head_of(200, f"Content-Length: {len(BODY)}") + data)
        while left and (data := sock.recv(READ_BYTES)):
            left -= len(data)
            sock.sendall(data)


@any_loop
def test_what_has_to_be_read_while_it_is_sent_is_read(loop: dict[str, object]) -> None:
    result = post(echo, **loop | {"duration_s": 0.5})
    assert result.errors == Errors()
    assert result.ok == result.requests > 0
    assert result.bytes > result.ok * len(BODY)


def test_an_echo_is_followed_over_tls(context: ssl.SSLContext) -> None:
    result = post_over_tls(echo, context)
    assert result.errors == Errors()
    assert result.ok == result.requests > 0


def answer_and_close(sock: socket.socket) -> None:
    """What is unread makes the close a reset."""
    read_head(sock)
    sock.sendall(TOO_LARGE)


def answer_and_reset(sock: socket.socket) -> None:
    read_head(sock)
    sock.sendall(TOO_LARGE)
    reset(sock)


def answer_and_linger(sock: socket.socket) -> None:
    read_head(sock)
    sock.sendall(TOO_LARGE)
    linger(sock)


def answer_and_read_on(sock: socket.socket) -> None:
    """It keeps the connection."""
    while (request := read_head(sock))[0]:
        sock.sendall(sized(b"too large", status=413))
        read_rest(sock, len(BODY) - len(request[1]))


def answer_in_chunks(sock: socket.socket) -> None:
    read_head(sock)
    message = chunked([b"too", b"large"], "Connection: close").replace(b" 200 ", b" 413 ")
    for at in range(0, len(message), 7):
        sock.sendall(message[at : at + 7])
    linger(sock)


def answer_until_close(sock: socket.socket) -> None:
    read_head(sock)
    sock.sendall(head_of(413) + b"too large")
    linger(sock)


def answer_after_interim(sock: socket.socket) -> None:
    read_head(sock)
    sock.sendall(head_of(100) + head_of(103, "Link: </a>"))
    sock.sendall(TOO_LARGE)
    linger(sock)


EARLY: Final[list[Talk]] = [
    answer_and_close,
    answer_and_reset,
    answer_and_linger,
    answer_and_read_on,
    answer_in_chunks,
    answer_until_close,
    answer_after_interim,
]
any_early = pytest.mark.parametrize("talk", EARLY, ids=lambda talk: talk.__name__)


def assert_all_were_refused(result: LoadResult) -> None:
    assert result.errors == Errors(status=result.requests)
    assert result.statuses == {413: result.requests}
    assert result.requests > 0


@any_early
@any_loop
def test_an_early_answer_is_an_answer(talk: Talk, loop: dict[str, object]) -> None:
    assert_all_were_refused(post(talk, **loop))


@pytest.mark.parametrize("talk", [answer_and_linger, answer_and_read_on, answer_in_chunks], ids=lambda t: t.__name__)
def test_an_early_answer_is_an_answer_over_tls(talk: Talk, context: ssl.SSLContext) -> None:
    assert_all_were_refused(post_over_tls(talk, context))
