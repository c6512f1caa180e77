"""Servers that fail: every failed request is in the right count, and the connection is replaced."""

from itertools import cycle, repeat

import pytest

from harness.generator.counters import MAX_REASONS, OTHERS, Counters
from harness.load.result import Errors
from harness.load.spec import Expectation
from tests.generator.accounting import assert_adds_up, play
from tests.generator.answers import CHUNKED, LARGE, SMALL, UNTIL_CLOSE, broken, whole
from tests.generator.closed_port import closed_port
from tests.generator.forked import forked_loop
from tests.generator.loads import short_load
from tests.generator.messages import cut_every, head_of
from tests.generator.scripted_server import After, ScriptedServer


def test_a_refused_connection_is_tried_again_but_not_at_once() -> None:
    with forked_loop() as offer, closed_port() as port:
        result = offer(short_load(port))
    assert_adds_up(result)
    assert result.errors == Errors(connect=result.errors.connect)
    assert result.connections <= result.errors.connect <= result.connections * 10
    assert result.latency_ms is None
    assert (result.requests, result.requests_per_s, result.unfinished) == (0, 0.0, 0)


def test_a_server_that_closes_every_connection_on_accept() -> None:
    with forked_loop() as offer, ScriptedServer(repeat(whole(SMALL)), hangs_up=True) as server:
        result = offer(short_load(server.port))
    assert_adds_up(result)
    assert result.requests == 0
    assert result.errors.total == result.errors.failed > 0
    assert result.errors.protocol == 0
    assert server.connections <= result.started


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param((), id="no answer"),
        pytest.param((head_of(103),), id="only an interim response"),
        pytest.param(cut_every(SMALL, 10)[:3], id="mid-head"),
        pytest.param((SMALL[:-1],), id="mid-body"),
        pytest.param((LARGE[:100_000],), id="mid-large-body"),
        pytest.param((CHUNKED[:-5],), id="mid-chunk"),
    ],
)
def test_a_connection_that_is_closed_or_reset(pieces: tuple[bytes, ...]) -> None:
    result, server = play(cycle(broken(*pieces, after=after) for after in (After.CLOSE, After.RESET)))
    assert result.errors == Errors(read=result.errors.read)
    assert result.errors.read >= result.connections
    assert server.connections > result.connections


def test_a_reset_is_no_end_of_a_response_until_close() -> None:
    result, _ = play(repeat(broken(UNTIL_CLOSE, after=After.RESET)))
    assert result.errors == Errors(read=result.errors.read)
    assert result.errors.read >= result.connections


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param((b"\x00\x01\x02\x03 this is not HTTP\r\n\r\n",), id="garbage"),
        pytest.param((b"220 mail.example ESMTP\r\n\r\n",), id="another protocol"),
        pytest.param((SMALL + b"!",), id="surplus byte"),
        pytest.param((SMALL + SMALL,), id="two responses"),
        pytest.param((CHUNKED + b"!",), id="surplus after chunks"),
        pytest.param((head_of(204) + b"body",), id="204 with a body"),
        pytest.param((head_of(200, "Content-Length: 3", "Content-Length: 4") + b"abc",), id="conflicting lengths"),
        pytest.param((head_of(200, "Transfer-Encoding: chunked") + b"zz\r\n",), id="chunk of no size"),
        pytest.param((head_of(101, "Connection: Upgrade", "Upgrade: websocket"),), id="switch of protocols"),
        pytest.param((b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 100_000), id="endless head"),
    ],
)
def test_what_is_not_http(pieces: tuple[bytes, ...]) -> None:
    """The server would keep the connection: it is the generator that gives it up."""
    result, server = play(repeat(broken(*pieces)))
    assert result.errors == Errors(protocol=result.errors.protocol)
    assert result.errors.protocol >= result.connections
    assert server.connections > result.connections
    assert list(result.protocol_reasons.values()) == [result.errors.protocol]
    assert all(reason and reason.isprintable() for reason in result.protocol_reasons)


def test_reasons_are_not_too_many() -> None:
    counters = Counters(Expectation())
    for number in range(10 * MAX_REASONS):
        counters.count_protocol_error(f"reason {number}")
    counters.count_protocol_error("reason 0")
    assert (counters.errors().protocol, len(counters.protocol)) == (10 * MAX_REASONS + 1, MAX_REASONS + 1)
    assert (counters.protocol["reason 0"], counters.protocol[OTHERS]) == (2, 9 * MAX_REASONS)


def test_a_surplus_that_is_found_unseen_has_a_reason_too() -> None:
    result, _ = play(repeat(broken(LARGE + b"!")))
    assert list(result.protocol_reasons) == ["bytes beyond the end of the response"]


@pytest.mark.parametrize("surplus", [b"!", SMALL], ids=["one byte", "another response"])
def test_surplus_after_a_response_with_a_known_head(surplus: bytes) -> None:
    good, bad = whole(SMALL), broken(SMALL + surplus)
    result, server = play(cycle([good, good, good, bad]), connections=1, threads=1)
    assert result.ok > 0
    assert result.errors == Errors(protocol=result.errors.protocol)
    assert server.sent[bad] - 1 <= result.errors.protocol <= server.sent[bad]


@pytest.mark.parametrize("surplus", [b"!" * 100, LARGE], ids=["bytes", "another response"])
def test_surplus_after_a_large_body(surplus: bytes) -> None:
    """The end of such a body is discarded unseen, but what follows must not pass for the next response."""
    result, _ = play(repeat(broken(LARGE + surplus)))
    assert result.errors == Errors(protocol=result.errors.protocol)
    assert result.errors.protocol >= result.connections
