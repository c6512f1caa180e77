"""A connection that the server closed between two requests costs neither of them: RFC 9112, section 9.3.1."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from itertools import chain, count, cycle, repeat
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.generator.process import Generator
from harness.load.requests import EncodedRequest
from harness.load.result import Errors, LoadResult
from harness.load.spec import Arrivals, Expectation, Load, Request, Tls
from tests.generator.accounting import assert_adds_up, play
from tests.generator.answers import CHUNKED, LARGE, SMALL, broken, closing, whole
from tests.generator.forked import forked_loop
from tests.generator.loads import short_load
from tests.generator.messages import head_of, sized
from tests.generator.scripted_server import After, Answer, ScriptedServer
from tests.generator.talking_server import Talk, TalkingServer, linger, read_head, read_rest, reset

CLOSED: Final[dict[str, object]] = {"duration_s": 0.15}
OPEN: Final[dict[str, object]] = {"arrivals": Arrivals(rate_per_s=150), "duration_s": 0.3}
LOOPS: Final = {"closed": CLOSED, "open": OPEN}
FAREWELL: Final = sized(b"", "Connection: close", status=408)

any_loop = pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)


def talk_with(talk: Talk, **changes: object) -> tuple[LoadResult, TalkingServer]:
    """A short load on this server."""
    with forked_loop() as offer, TalkingServer(talk) as server:
        result = offer(short_load(server.port, **CLOSED | changes))
    assert_adds_up(result)
    return result, server


def talk_over_tls(talk: Talk, context: ssl.SSLContext) -> LoadResult:
    """The same over TLS; shaking hands takes its time."""
    with forked_loop() as offer, TalkingServer(talk, context) as server:
        result = offer(short_load(server.port, tls=Tls(verify=False), duration_s=0.4))
    assert_adds_up(result)
    return result


def hears_one_more(sock: socket.socket, end: Callable[[socket.socket], object], answer: bytes = SMALL) -> None:
    """Answers one request, reads the next, and ends the connection without a word."""
    if read_head(sock)[0]:
        sock.sendall(answer)
        if read_head(sock)[0]:
            end(sock)


def close_at_once(sock: socket.socket) -> None:
    if read_head(sock)[0]:
        sock.sendall(SMALL)


def close_after_the_next(sock: socket.socket) -> None:
    hears_one_more(sock, lambda _: None)


def reset_after_the_next(sock: socket.socket) -> None:
    hears_one_more(sock, reset)


def say_no_more_after_the_next(sock: socket.socket) -> None:
    hears_one_more(sock, linger)


def close_after_a_large_one(sock: socket.socket) -> None:
    hears_one_more(sock, lambda _: None, LARGE)


def close_after_chunks(sock: socket.socket) -> None:
    hears_one_more(sock, reset, CHUNKED)


STALE: Final[list[Talk]] = [
    close_at_once,
    close_after_the_next,
    reset_after_the_next,
    say_no_more_after_the_next,
    close_after_a_large_one,
    close_after_chunks,
]
any_stale = pytest.mark.parametrize("talk", STALE, ids=lambda talk: talk.__name__)
hears_two = pytest.mark.parametrize("talk", STALE[1:], ids=lambda talk: talk.__name__)


@any_stale
def test_a_stale_connection_is_no_failed_request(talk: Talk) -> None:
    result, server = talk_with(talk, duration_s=0.3)
    assert result.errors == Errors()
    assert result.reconnected > 0
    # Every request but the first of each connection had to be sent again.
    assert result.requests - result.connections <= result.reconnected <= result.requests + result.unfinished
    assert result.reconnected < server.connections <= result.reconnected + result.connections


@hears_two
def test_a_stale_connection_is_no_failed_request_in_an_open_loop(talk: Talk) -> None:
    """The server waits for the second request before it closes, so that no connection is idle as it ends."""
    result, server = talk_with(talk, **OPEN)
    assert result.errors == Errors()
    assert result.ok > 10
    assert 0 < result.reconnected < server.connections


def test_a_connection_that_ends_while_it_is_idle_costs_nothing() -> None:
    result, _ = talk_with(close_at_once, **OPEN | {"arrivals": Arrivals(rate_per_s=50)})
    assert result.errors == Errors()
    assert result.ok > 5


@pytest.mark.parametrize("talk", [close_at_once, close_after_the_next, reset_after_the_next], ids=lambda t: t.__name__)
def test_a_stale_connection_is_no_failed_request_over_tls(talk: Talk, context: ssl.SSLContext) -> None:
    result = talk_over_tls(talk, context)
    assert result.errors == Errors()
    assert result.reconnected > 0


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST", "PATCH", "X"])
def test_which_methods_are_idempotent(method: str) -> None:
    """RFC 9110, section 9.2.2; of those it does not name nobody knows."""
    is_idempotent = method not in ("POST", "PATCH", "X")
    assert EncodedRequest(b"", 0, method).is_idempotent is is_idempotent


@pytest.mark.parametrize("method", ["HEAD", "PUT"])
def test_what_is_idempotent_is_sent_again(method: str) -> None:
    answer = head_of(200, "Content-Length: 4") if method == "HEAD" else SMALL
    result, _ = talk_with(lambda sock: hears_one_more(sock, reset, answer), method=method)
    assert result.errors == Errors()
    assert result.reconnected > 0


@any_loop
def test_what_is_not_is_a_failure_of_its_own(loop: dict[str, object]) -> None:
    result, _ = talk_with(reset_after_the_next, method="POST", **loop)
    assert result.errors == Errors(stale=result.errors.stale)
    assert result.errors.failed == result.errors.stale > 0
    assert result.ok > 0
    assert result.reconnected == 0


def test_of_several_kinds_each_is_sent_again_as_it_was() -> None:
    """And no other in its place: what arrives is in the proportion in which it was begun."""
    kinds = (Request(path="/a"), Request(path="/b", method="PUT", body=b"x"))
    seen: list[bytes] = []

    def talk(sock: socket.socket) -> None:
        first, _ = read_head(sock)
        if first:
            seen.append(first.split(b" ")[0])
            sock.sendall(SMALL)
            second, _ = read_head(sock)
            if second:
                seen.append(b"lost " + second.split(b" ")[0])
                reset(sock)

    result, _ = talk_with(talk, requests=kinds, connections=1, threads=1)
    assert result.errors == Errors()
    assert result.reconnected > 10
    for lost, again in zip(seen[1::2], seen[2::2], strict=False):
        assert lost == b"lost " + again


@any_loop
def test_a_request_is_sent_again_once(loop: dict[str, object]) -> None:
    """The new connection is not used, and that it ends so too is a failure to read."""
    answered = chain([True], repeat(False))

    def talk(sock: socket.socket) -> None:
        if next(answered):
            hears_one_more(sock, reset)
        else:
            read_head(sock)
            reset(sock)

    result, server = talk_with(talk, connections=1, threads=1, **loop)
    assert (result.ok, result.reconnected) == (1, 1)
    assert result.errors == Errors(read=result.errors.read)
    assert result.errors.read > 1
    # The first connection, that of the request that was sent again, and one for each of the others that failed.
    assert server.connections in (1 + result.errors.read, 2 + result.errors.read)


@any_loop
def test_what_has_begun_to_be_answered_is_not_sent_again(loop: dict[str, object]) -> None:
    script = cycle([whole(SMALL), broken(SMALL[:1], after=After.RESET)])
    result, server = play(script, connections=1, threads=1, **loop)
    assert result.errors == Errors(read=result.errors.read)
    assert result.errors.read > 0
    assert result.reconnected == 0
    assert server.requests.total() <= result.started


@pytest.mark.parametrize("interim", [head_of(100), head_of(103, "Link: </a>")], ids=["100", "103"])
def test_an_interim_answer_is_a_beginning(interim: bytes) -> None:
    result, _ = play(cycle([whole(SMALL), broken(interim, after=After.CLOSE)]), **CLOSED)
    assert result.errors == Errors(read=result.errors.read)
    assert result.reconnected == 0


def test_a_server_that_has_gone_refuses_what_is_sent_again() -> None:
    def refuse(sock: socket.socket) -> None:
        server.refuse()
        reset(sock)

    def talk(sock: socket.socket) -> None:
        hears_one_more(sock, refuse)

    with forked_loop() as offer, TalkingServer(talk) as server:
        result = offer(short_load(server.port, connections=1, threads=1))
    assert_adds_up(result)
    assert (result.ok, result.reconnected) == (1, 1)
    assert result.errors == Errors(connect=result.errors.connect)
    assert result.errors.connect > 0


def test_latency_runs_on() -> None:
    """The server keeps each second request waiting for 50 ms before it closes: these are in the latency."""

    def wait(sock: socket.socket) -> None:
        time.sleep(0.05)
        reset(sock)

    result, _ = talk_with(lambda sock: hears_one_more(sock, wait), duration_s=0.4)
    assert result.reconnected > 0
    assert result.latency_ms is not None
    assert result.latency_ms.p99 >= 50
    assert result.service_ms is not None
    assert result.service_ms.p99 >= 50


def test_a_request_that_is_sent_again_times_out_as_any_other() -> None:
    """Counted from when it was due: half of its time passes on each of two connections."""

    def talk(sock: socket.socket) -> None:
        read_head(sock)
        if next(numbers) == 0:
            sock.sendall(SMALL)
            read_head(sock)
            time.sleep(0.1)
            reset(sock)
        else:
            read_rest(sock, 1)

    numbers = count()
    result, _ = talk_with(talk, connections=1, threads=1, timeout_s=0.2, duration_s=0.27)
    assert (result.ok, result.reconnected) == (1, 1)
    assert result.errors == Errors(timeout=1)


# A 408 in place of silence --------------------------------------------------------------------------------------


def bids_farewell(sock: socket.socket) -> None:
    """The server had waited too long, and the next request crossed its last words."""
    hears_one_more(sock, lambda peer: peer.sendall(FAREWELL))


@any_loop
def test_a_farewell_to_an_idle_connection_is_no_answer(loop: dict[str, object]) -> None:
    result, _ = talk_with(bids_farewell, **loop)
    assert result.errors == Errors()
    assert result.reconnected > 0


@pytest.mark.parametrize(
    ("changes", "talk"),
    [
        pytest.param({"method": "POST"}, bids_farewell, id="not idempotent"),
        pytest.param({"expect": Expectation(statuses=(200, 408))}, bids_farewell, id="expected"),
        pytest.param({}, lambda sock: sock.sendall(FAREWELL) if read_head(sock)[0] else None, id="first on its own"),
    ],
)
def test_any_other_408_is_an_answer(changes: dict[str, object], talk: Talk) -> None:
    result, _ = talk_with(talk, **changes)
    assert result.reconnected == 0
    assert result.statuses[408] > 0
    assert result.errors == Errors(status=0 if "expect" in changes else result.statuses[408])


# The books ------------------------------------------------------------------------------------------------------

ENDS: Final = {
    "small": whole(SMALL),
    "large": whole(LARGE),
    "chunked": whole(CHUNKED),
    "closed unannounced": closing(SMALL),
    "reset unannounced": broken(SMALL, after=After.RESET),
    "closed for no reason": broken(after=After.CLOSE),
    "reset for no reason": broken(after=After.RESET),
    "farewell": closing(FAREWELL),
    "break": broken(LARGE[:100_000], after=After.CLOSE),
    "stall": broken(),
}


@settings(max_examples=12, deadline=None)
@given(
    names=st.lists(st.sampled_from(sorted(ENDS)), min_size=1, max_size=6),
    method=st.sampled_from(["GET", "POST"]),
    loop=st.sampled_from([{}, {"arrivals": Arrivals(kind="poisson", rate_per_s=300)}]),
)
def test_whatever_ends_adds_up(names: list[str], method: str, loop: dict[str, object]) -> None:
    script: Iterator[Answer] = cycle(ENDS[name] for name in names)
    with forked_loop() as offer, ScriptedServer(script) as server:
        changes = {"method": method, "connections": 3, "threads": 1, "duration_s": 0.15, "timeout_s": 0.06}
        result = offer(short_load(server.port, **changes | loop))
    assert_adds_up(result)
    assert server.requests.total() <= result.started + result.reconnected
    assert not (result.reconnected if method == "POST" else result.errors.stale)


def test_no_count_is_lost_between_two_processes() -> None:
    with TalkingServer(reset_after_the_next) as server, Generator.here(processes=2) as generator:
        load: Load = short_load(server.port, **CLOSED)
        generator.begin(load)
        result = generator.result()
    assert_adds_up(result)
    assert result.errors == Errors()
    assert result.requests - result.connections <= result.reconnected <= result.requests + result.unfinished


def test_connections_used_once_are_never_stale() -> None:
    result, _ = play(chain.from_iterable(repeat([closing(SMALL), broken(after=After.CLOSE)])), keepalive=False)
    assert result.errors == Errors(read=result.errors.read)
    assert result.errors.read > 0
    assert result.reconnected == 0
