"""A sample of the bodies is compared whatever the connections do when it is drawn, and none is not kept quiet."""

import hashlib
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain, cycle, repeat
from typing import Final

import pytest
import trustme

from harness.generator.framing import ResponseReader
from harness.load.result import Errors, LoadResult
from harness.load.spec import Arrivals, Expectation, Tls
from tests.generator.accounting import assert_adds_up
from tests.generator.answers import closing, whole
from tests.generator.forked import forked_loop
from tests.generator.loads import short_load
from tests.generator.messages import chunked, cut, head_of, sized
from tests.generator.scripted_server import HOST, Answer, ScriptedServer
from tests.generator.transport_server import TransportServer, tcp_listener

BODY: Final = b"0123456789" * 10_000
WRONG: Final = b"9876543210" * 10_000
CONNECTIONS: Final = 2
CLOSED: Final[dict[str, object]] = {}
OPEN: Final[dict[str, object]] = {"arrivals": Arrivals(rate_per_s=100)}
LOOPS: Final = {"closed": CLOSED, "open": OPEN}
# The first bodies are those of the warm-up; after it, one is drawn a few dozen times a second.
SAMPLED: Final[dict[str, object]] = {
    "connections": CONNECTIONS, "threads": 1, "warmup_s": 0.15, "duration_s": 0.35, "timeout_s": 0.1,
    "expect": Expectation(body_sha256=hashlib.sha256(BODY).hexdigest(), every=False),
}  # fmt: skip
pause = partial(time.sleep, 0.005)

any_loop = pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)


def of_one_piece(body: bytes) -> Answer:
    return whole(sized(body[:50]))


def of_many_pieces(body: bytes) -> Answer:
    return whole(sized(body))


def slow(body: bytes) -> Answer:
    return Answer((sized(body),), wait=pause)


def head_first(body: bytes) -> Answer:
    return Answer(cut(sized(body), [len(head_of(200, f"Content-Length: {len(body)}"))]), wait=pause)


def body_in_halves(body: bytes) -> Answer:
    return Answer(cut(sized(body), [len(body) // 2]), wait=pause)


def in_chunks(body: bytes) -> Answer:
    return whole(chunked([body[:20], body[20:50]]))


def chunks_in_halves(body: bytes) -> Answer:
    message = chunked([body])
    return Answer(cut(message, [len(message) // 2]), wait=pause)


IN_ONE_PIECE: Final = [of_one_piece, in_chunks]
IN_PIECES: Final = [of_many_pieces, slow, head_first, body_in_halves, chunks_in_halves]


def any_of(kinds: Sequence[Callable[[bytes], Answer]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kind", kinds, ids=lambda kind: kind.__name__)


def sampled(script: Iterable[Answer], **changes: object) -> LoadResult:
    with forked_loop() as offer, ScriptedServer(iter(script)) as server:
        result = offer(short_load(server.port, **SAMPLED | changes))
    assert_adds_up(result)
    return result


def assert_some_were_compared(result: LoadResult) -> None:
    """And all of these were wrong. A pause of the machine makes time-outs."""
    assert result.errors == Errors(body=result.checked, timeout=result.errors.timeout)
    assert CONNECTIONS < result.checked < result.requests


@any_of(IN_ONE_PIECE)
@pytest.mark.parametrize("loop", [CLOSED, {"arrivals": Arrivals(rate_per_s=2_000)}], ids=LOOPS)
def test_each_wrong_body_that_comes_at_once_is_found(kind: Callable[[bytes], Answer], loop: dict[str, object]) -> None:
    """Though it differs from the right ones in its body alone, and one in fifty is wrong."""
    expect = Expectation(body_sha256=hashlib.sha256(BODY[:50]).hexdigest(), every=False)
    script = cycle([kind(WRONG), *repeat(kind(BODY), 49)])
    result = sampled(script, expect=expect, **loop)
    assert result.requests > 500
    assert abs(result.errors.body - result.requests / 50) <= CONNECTIONS
    assert result.checked == result.to_check == result.requests


@any_of(IN_PIECES)
@any_loop
def test_wrong_bodies_are_found_in_every_state(kind: Callable[[bytes], Answer], loop: dict[str, object]) -> None:
    result = sampled(repeat(kind(WRONG)), **loop)
    assert_some_were_compared(result)
    assert result.to_check == result.requests
    assert not result.is_unchecked


@any_loop
def test_wrong_bodies_are_found_over_tls(loop: dict[str, object]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(HOST).configure_cert(context)
    with forked_loop() as offer, TransportServer(repeat(head_first(WRONG)), tcp_listener(), context) as server:
        result = offer(short_load(server.port, tls=Tls(verify=False), **SAMPLED | loop))
    assert_adds_up(result)
    assert_some_were_compared(result)


def test_of_many_connections_only_those_that_are_open_are_chosen() -> None:
    """An open loop may open 400, and needs a few."""
    result = sampled(repeat(of_many_pieces(WRONG)), **OPEN | {"connections": 400})
    assert_some_were_compared(result)


def test_every_body_of_connections_used_once_is_compared() -> None:
    result = sampled(repeat(closing(sized(WRONG, "Connection: close"))), timeout_s=5.0)
    assert result.errors == Errors(body=result.requests)


def test_bytes_are_counted_in_full_whatever_part_of_a_body_was_followed() -> None:
    answer = body_in_halves(BODY)
    result = sampled(repeat(answer), expect=Expectation(body_bytes=len(BODY)), warmup_s=0.0)
    assert result.errors == Errors(timeout=result.errors.timeout)
    assert result.bytes == result.requests * len(b"".join(answer.pieces))


@pytest.mark.parametrize("left", [1, 4, 9])
def test_the_rest_of_a_body_is_read_to_its_end(left: int) -> None:
    reader = ResponseReader("GET", hashing=False)
    reader.feed(sized(b"0123456789")[:-left])
    assert reader.head is not None
    rest = ResponseReader.resume_body("GET", reader.head, left)
    assert rest.feed(b"x" * left)
    assert (rest.received_bytes, rest.body_bytes) == (reader.head.total_bytes, 10)


def test_that_none_could_be_compared_is_told() -> None:
    """The window is over before a second body is drawn, and the first ones were not in it."""
    result = sampled(repeat(of_many_pieces(WRONG)), timeout_s=60.0, duration_s=0.01, warmup_s=0.05)
    assert result.to_check == result.requests > 0
    assert result.checked == 0
    assert result.is_unchecked


@pytest.mark.parametrize(
    ("script", "changes"),
    [
        pytest.param(repeat(of_one_piece(BODY)), {"expect": Expectation()}, id="nothing expected"),
        pytest.param(repeat(of_one_piece(BODY)), {"expect": Expectation(body_bytes=50)}, id="a length expected"),
        pytest.param(repeat(whole(head_of(204))), {}, id="no body"),
        pytest.param(repeat(whole(head_of(200, "Content-Length: 9"))), {"method": "HEAD"}, id="heads"),
        pytest.param(repeat(whole(sized(b"no", status=500))), {}, id="errors"),
    ],
)
def test_where_there_was_nothing_to_compare_none_is_missed(
    script: Iterable[Answer], changes: dict[str, object]
) -> None:
    result = sampled(script, **changes)
    assert result.requests > 0
    assert (result.to_check, result.checked, result.is_unchecked) == (0, 0, False)


def test_error_pages_are_not_among_those_compared() -> None:
    script = chain.from_iterable(repeat([of_one_piece(BODY), whole(sized(b"no", status=500))]))
    expect = Expectation(body_sha256=hashlib.sha256(BODY[:50]).hexdigest())
    result = sampled(script, expect=expect)
    assert result.checked == result.to_check == result.ok > 0
