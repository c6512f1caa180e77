"""Whatever a server sends, every request ends in one count: no exception, no spin, no memory without bound."""

import tracemalloc
from itertools import cycle, islice, repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.generator.framing import MAX_EMPTY_BYTES, MAX_HEAD_BYTES, ProtocolError, ResponseReader
from harness.load.spec import Arrivals
from tests.generator.accounting import assert_adds_up, play
from tests.generator.answers import CHUNKED, LARGE, SMALL, broken, whole
from tests.generator.forked import forked_loop
from tests.generator.hostile import MESSAGES, PLACES, SCRIPTS
from tests.generator.loads import short_load
from tests.generator.messages import cut, head_of, sized
from tests.generator.scripted_server import After, Answer, ScriptedServer

FEW = settings(max_examples=max(12, settings().max_examples // 8), deadline=None)  # each of them takes a load
HURRY = {"duration_s": 0.15, "timeout_s": 0.06, "connections": 3, "threads": 1}
OPEN = {"arrivals": Arrivals(kind="poisson", rate_per_s=300)}
MOST_KEPT_BYTES = 4 * MAX_HEAD_BYTES


def outcome(pieces: tuple[bytes, ...], method: str) -> object:
    """How a response ends that arrives in these pieces, and what was read of it."""
    reader = ResponseReader(method, hashing=True)
    for number, piece in enumerate(pieces):
        try:
            if reader.feed(piece):
                rest = sum(map(len, pieces[number + 1 :]))
                return "surplus" if rest else (reader.head and reader.head.status, reader.body_sha256)
        except ProtocolError:
            return "surplus"
    return "more" if not reader.end() else ("until close", reader.body_sha256)


@given(message=MESSAGES, places=PLACES, method=st.sampled_from(["GET", "HEAD"]))
def test_how_a_message_is_cut_does_not_change_what_it_is(message: bytes, places: list[int], method: str) -> None:
    if message:
        assert outcome(cut(message, places), method) == outcome((message,), method)
        assert outcome(cut(message, range(len(message))), method) == outcome((message,), method)


@FEW
@given(script=SCRIPTS)
def test_any_server_ends_in_counts(script: list[Answer]) -> None:
    with forked_loop() as offer, ScriptedServer(cycle(script)) as server:
        result = offer(short_load(server.port, **HURRY))
    assert_adds_up(result)
    assert result.started > 0


@FEW
@given(script=SCRIPTS)
def test_any_server_ends_in_counts_in_an_open_loop_too(script: list[Answer]) -> None:
    with forked_loop() as offer, ScriptedServer(cycle(script)) as server:
        result = offer(short_load(server.port, **HURRY, **OPEN))
    assert_adds_up(result)
    assert result.started > 0


STALLS = {
    "before the head": broken(),
    "in the head": broken(SMALL[:20]),
    "in the body": broken(LARGE[:100_000]),
    "in a chunk": broken(CHUNKED[:-5]),
    "between interim and final": broken(head_of(103)),
    "until close": broken(head_of(200) + b"some"),
    "by a reset after one byte": broken(SMALL[:1], after=After.RESET),
}


@pytest.mark.parametrize("loop", [{}, OPEN], ids=["closed", "open"])
@pytest.mark.parametrize("answer", STALLS.values(), ids=STALLS)
def test_nothing_is_done_while_a_server_stalls(answer: Answer, loop: dict[str, object]) -> None:
    """A loop that polls for what can't come uses its whole core."""
    result, _ = play(repeat(answer), **HURRY | loop | {"timeout_s": 0.1, "duration_s": 0.6, "connections": 2})
    assert result.generator_cpu_s < 0.7 * result.duration_s
    assert result.ok == 0


def test_nothing_is_done_while_a_server_answers_but_does_not_read() -> None:
    """The request can't be sent, its answer is there already, and the peer has closed its side."""
    early = Answer((sized(b"too large", status=413),), After.CLOSE)
    with forked_loop() as offer, ScriptedServer(repeat(early), slow=True) as server:
        load = short_load(server.port, method="POST", body=b"x" * 5_000_000, duration_s=0.6, timeout_s=0.2)
        result = offer(load)
    assert_adds_up(result)
    assert result.generator_cpu_s < 0.7 * result.duration_s


@pytest.mark.parametrize(
    "endless",
    [
        pytest.param((b"HTTP/1.1 200 OK\r\nX: ", b"x" * 10_000), id="header"),
        pytest.param((b"HTTP/1.1 200 OK\r\n", b"X-Some: header\r\n" * 500), id="headers"),
        pytest.param((head_of(200, "Transfer-Encoding: chunked") + b"5;", b"e" * 10_000), id="chunk extension"),
        pytest.param((head_of(200, "Transfer-Encoding: chunked") + b"0\r\nX: ", b"x" * 10_000), id="trailer"),
        pytest.param((head_of(200, "Transfer-Encoding: chunked") + b"0\r\n", b"X-T: x\r\n" * 900), id="trailers"),
        pytest.param((head_of(200, "Transfer-Encoding: chunked"), b"1;e\r\nx\r\n" * 1000), id="tiny chunks"),
        pytest.param((head_of(200), b"x" * 10_000), id="body"),
        pytest.param((b"", head_of(103, "Link: </a>") * 200), id="interim responses"),
    ],
)
def test_what_never_ends_is_given_up_or_not_kept(endless: tuple[bytes, bytes]) -> None:
    begin, more = endless
    reader = ResponseReader("GET", hashing=True)
    tracemalloc.start()
    try:
        reader.feed(begin) if begin else None
        for _ in range(400):
            reader.feed(more)
    except ProtocolError:
        assert reader.received_bytes < 3 * (MAX_HEAD_BYTES + MAX_EMPTY_BYTES)
    finally:
        kept_bytes, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert kept_bytes < MOST_KEPT_BYTES


def test_surplus_on_an_idle_connection_is_not_taken_for_the_next_answer() -> None:
    """In an open loop the connection rests between requests; what comes meanwhile has nobody who asked for it."""
    late = Answer((SMALL, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), whole=False)
    script = islice(cycle([whole(SMALL), late]), 10_000)
    with forked_loop() as offer, ScriptedServer(script) as server:
        result = offer(short_load(server.port, **OPEN, connections=1, threads=1))
    assert_adds_up(result)
    assert server.connections > 1
    assert result.ok + result.errors.protocol == result.requests + result.errors.total
