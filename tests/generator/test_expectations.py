"""What a good response is, and what is asked for: no wrong answer is counted as right, and no kind is left out."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import chain, repeat
from typing import Final

import pytest
from pydantic import ValidationError

from harness.generator.bodies import MAX_SEARCHED_BYTES, BodyCheck
from harness.load.result import Errors, LoadResult
from harness.load.spec import Arrivals, DataTable, Expectation, Request
from tests.generator.accounting import assert_adds_up, assert_agrees, play
from tests.generator.answering_server import AnsweringServer, paths_of
from tests.generator.answers import closing, whole
from tests.generator.forked import forked_loop
from tests.generator.loads import short_load
from tests.generator.messages import chunked, cut_every, head_of, sized
from tests.generator.scripted_server import Answer, ScriptedServer

CONNECTIONS: Final = 4  # of a short load
CLOSED: Final[dict[str, object]] = {"duration_s": 0.1}
OPEN: Final[dict[str, object]] = {"arrivals": Arrivals(rate_per_s=200), "duration_s": 0.2}
LOOPS: Final = {"closed": CLOSED, "open": OPEN}

RIGHT: Final = b"0123456789"
WRONG: Final = b"0123456780"  # as long
SHORT: Final = b"012345678"
REPEATS: Final = 20_000

any_loop = pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)


def small(body: bytes) -> Answer:
    return whole(sized(body))


def large(body: bytes) -> Answer:
    return whole(sized(body * REPEATS))


def in_pieces(body: bytes) -> Answer:
    return whole(*cut_every(sized(body * 100), 300))


def in_chunks(body: bytes) -> Answer:
    return whole(chunked([b"first", body]))


def in_large_chunks(body: bytes) -> Answer:
    return whole(chunked([body * (REPEATS // 4)] * 4))


def until_close(body: bytes) -> Answer:
    return closing(head_of(200) + body)


KINDS: Final[dict[Callable[[bytes], Answer], bytes]] = {  # what the right body is
    small: RIGHT,
    large: RIGHT * REPEATS,
    in_pieces: RIGHT * 100,
    in_chunks: b"first" + RIGHT,
    in_large_chunks: RIGHT * REPEATS,
    until_close: RIGHT,
}

# Every kind in a closed loop, and in an open one each that goes another way through it.
any_kind = pytest.mark.parametrize(
    ("kind", "loop"),
    [
        *(pytest.param(kind, CLOSED, id=f"{kind.__name__}, closed") for kind in KINDS),
        *(pytest.param(kind, OPEN, id=f"{kind.__name__}, open") for kind in (small, large, in_chunks)),
    ],
)


def every_third(right: Answer, wrong: Answer) -> Iterable[Answer]:
    """Right twice, then wrong, over and over."""
    return chain.from_iterable(repeat([right, right, wrong]))


def digest_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def assert_counted_as_sent(result: LoadResult, server: ScriptedServer, wrong: Answer) -> None:
    """Every wrong body that the server sent is counted, but for those still on their way at the end, and no other."""
    assert result.errors == Errors(body=result.errors.body)
    assert 0 < result.errors.body <= server.sent[wrong] <= result.errors.body + result.unfinished
    right = server.responses - server.sent[wrong]
    assert 0 < result.ok <= right <= result.ok + result.unfinished


# The status -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected", "is_good", "loop"),
    [
        (399, (), True, CLOSED),
        (404, (), False, CLOSED),
        (200, (204,), False, CLOSED),
        (200, (204,), False, OPEN),
        (204, (204,), True, CLOSED),
        (404, (404,), True, CLOSED),
        (404, (404,), True, OPEN),
        (503, (200, 503), True, CLOSED),
        (201, (200, 503), False, CLOSED),
    ],
)
def test_a_status_is_good_when_it_is_expected(
    status: int, expected: tuple[int, ...], is_good: bool, loop: dict[str, object]
) -> None:
    answer = whole(head_of(204) if status == 204 else sized(RIGHT, status=status))
    result, _ = play(repeat(answer), expect=Expectation(statuses=expected), **loop)
    assert result.requests > CONNECTIONS
    assert result.errors == Errors(status=0 if is_good else result.requests)
    assert result.statuses == {status: result.requests}


def test_a_bad_status_is_told_once_whatever_the_body_is() -> None:
    expect = Expectation(statuses=(200,), body_sha256=digest_of(RIGHT), body_bytes=len(RIGHT))
    result, _ = play(repeat(whole(sized(SHORT, status=500))), expect=expect, **CLOSED)
    assert result.errors == Errors(status=result.requests)


# The length of the body -----------------------------------------------------------------------------------------


@any_kind
def test_every_body_of_a_wrong_length_is_counted(kind: Callable[[bytes], Answer], loop: dict[str, object]) -> None:
    expect = Expectation(body_bytes=len(KINDS[kind]))
    result, server = play(every_third(kind(RIGHT), kind(SHORT)), expect=expect, **loop)
    assert_counted_as_sent(result, server, kind(SHORT))
    assert result.checked == 0


def test_a_body_longer_than_expected_is_wrong() -> None:
    result, server = play(every_third(small(SHORT), small(RIGHT)), expect=Expectation(body_bytes=len(SHORT)), **CLOSED)
    assert_counted_as_sent(result, server, small(RIGHT))


def test_no_body_can_be_expected() -> None:
    empty = whole(sized(b""))
    result, server = play(every_third(empty, small(b"!")), expect=Expectation(body_bytes=0), **CLOSED)
    assert_counted_as_sent(result, server, small(b"!"))


# The body itself ------------------------------------------------------------------------------------------------


@any_kind
def test_every_wrong_body_is_counted(kind: Callable[[bytes], Answer], loop: dict[str, object]) -> None:
    """It is as long as the right one and has the same head."""
    expect = Expectation(body_sha256=digest_of(KINDS[kind]))
    result, server = play(every_third(kind(RIGHT), kind(WRONG)), expect=expect, **loop)
    assert_counted_as_sent(result, server, kind(WRONG))
    assert result.checked == result.requests


@pytest.mark.parametrize("kind", [small, in_large_chunks], ids=lambda kind: kind.__name__)
def test_every_wrong_body_is_counted_on_connections_used_once(kind: Callable[[bytes], Answer]) -> None:
    expect = Expectation(body_sha256=digest_of(KINDS[kind]))
    result, server = play(every_third(kind(RIGHT), kind(WRONG)), expect=expect, keepalive=False, **CLOSED)
    assert_counted_as_sent(result, server, kind(WRONG))
    assert result.checked == result.requests


def test_right_bodies_of_many_heads_are_all_compared() -> None:
    """A server with something new in every head has nothing that could be known."""
    script = (whole(sized(WRONG if number % 3 == 2 else RIGHT, f"X-Number: {number}")) for number in range(10**9))
    result, server = play(script, expect=Expectation(body_sha256=digest_of(RIGHT)), **CLOSED)
    wrong = sum(count for answer, count in server.sent.items() if answer.pieces[0].endswith(WRONG))
    assert result.errors == Errors(body=result.errors.body)
    assert 0 < result.errors.body <= wrong <= result.errors.body + result.unfinished
    assert result.checked == result.requests


def test_a_response_without_a_body_is_not_checked() -> None:
    script = chain.from_iterable(repeat([small(RIGHT), whole(head_of(204))]))
    result, _ = play(script, expect=Expectation(body_sha256=digest_of(RIGHT)), **CLOSED)
    assert result.errors == Errors()
    assert result.checked == result.statuses[200]
    assert result.statuses[204] > 0


@any_kind
@pytest.mark.parametrize("expect", [{"body_contains": "789"}, {"body_matches": r"8\d$"}], ids=["contains", "matches"])
def test_every_body_without_the_expected_text_is_counted(
    kind: Callable[[bytes], Answer], loop: dict[str, object], expect: dict[str, str]
) -> None:
    """RIGHT ends with 789, WRONG with 780: both match 8\\d."""
    result, server = play(every_third(kind(RIGHT), kind(b"x" * 10)), expect=Expectation(**expect), **loop)  # type: ignore[arg-type]
    assert_counted_as_sent(result, server, kind(b"x" * 10))
    assert result.checked == result.to_check == result.requests


@pytest.mark.parametrize(
    ("expect", "body", "is_good"),
    [
        ({"body_contains": "é"}, "caf\u00e9".encode(), True),
        ({"body_contains": "é"}, "caf\u00e9".encode("latin-1"), False),
        ({"body_contains": "a.c"}, b"abc", False),
        ({"body_matches": "^a.c$"}, b"abc", True),
        ({"body_matches": "^a.c$"}, b"xabc", False),
        ({"body_matches": "(?m)^b$"}, b"a\nb\nc", True),
        ({"body_matches": "\\w{4}"}, "caf\u00e9".encode(), True),
        ({"body_matches": "a"}, b"\xff\xfea", True),
        ({"body_matches": "^$"}, b"", True),
        ({"body_contains": "end"}, b"x" * (MAX_SEARCHED_BYTES - 3) + b"end", True),
        ({"body_contains": "end"}, b"x" * (MAX_SEARCHED_BYTES - 2) + b"end", False),
    ],
)
def test_what_is_looked_for_in_a_body(expect: dict[str, str], body: bytes, is_good: bool) -> None:
    check = BodyCheck(Expectation.model_validate(expect))
    for step in (1000, 10**9):
        reader = check.new_reader("GET")
        assert [reader.feed(piece) for piece in cut_every(sized(body), step)][-1]
        assert check.is_right(reader) is is_good


def test_of_a_body_no_more_is_kept_than_is_looked_at() -> None:
    reader = BodyCheck(Expectation(body_contains="x")).new_reader("GET")
    for piece in cut_every(sized(b"x" * 3 * MAX_SEARCHED_BYTES), 100_000):
        reader.feed(piece)
    assert len(reader.body_start) == MAX_SEARCHED_BYTES


def test_at_most_one_body_is_expected() -> None:
    with pytest.raises(ValidationError, match="expected one of"):
        Expectation(body_contains="a", body_matches="b")


@any_loop
def test_of_a_sample_the_size_is_told(loop: dict[str, object]) -> None:
    """Every body is wrong. The first of each connection is looked at, and of the rest only some: those are bad."""
    expect = Expectation(body_sha256=digest_of(RIGHT * REPEATS), every=False)
    result, server = play(repeat(large(WRONG)), expect=expect, **loop)
    assert server.connections <= result.checked + result.unfinished
    assert 0 < result.checked < result.requests
    assert result.errors == Errors(body=result.checked)


# What is asked for ----------------------------------------------------------------------------------------------


@any_loop
def test_every_kind_is_asked_for_by_its_weight(loop: dict[str, object]) -> None:
    kinds = tuple(Request(path=f"/{weight}", weight=weight) for weight in (1, 3, 6))
    result, server = play(repeat(small(RIGHT)), requests=kinds, **loop)
    assert result.errors == Errors()
    asked = dict(paths_of(server))
    total = sum(asked.values())
    assert sorted(asked) == ["/1", "/3", "/6"]
    for weight in (1, 3, 6):
        share = weight / 10
        spread = (total * share * (1 - share)) ** 0.5  # of a binomial
        assert asked[f"/{weight}"] == pytest.approx(total * share, abs=5 * spread)


def test_rows_are_used_in_turn() -> None:
    rows = tuple((f"{number}",) for number in range(20))
    data = DataTable(columns=("id",), rows=rows)
    result, server = play(repeat(small(RIGHT)), requests=(Request(path="/{id}"),), data=data, **CLOSED)
    assert result.errors == Errors()
    asked = dict(paths_of(server))
    assert sorted(asked) == sorted(f"/{row[0]}" for row in rows)
    assert max(asked.values()) - min(asked.values()) <= 1 + CONNECTIONS  # some may not have arrived


def test_an_open_loop_uses_as_many_rows_as_requests() -> None:
    rows = tuple((f"{number}",) for number in range(40))
    data = DataTable(columns=("id",), rows=rows)
    result, server = play(repeat(small(RIGHT)), requests=(Request(path="/{id}"),), data=data, **OPEN)
    assert result.started == 40
    asked = Counter(dict(paths_of(server)))
    assert max(asked.values()) == 1
    assert result.requests <= asked.total() <= 40


@any_loop
@pytest.mark.parametrize("body", [RIGHT, RIGHT * REPEATS], ids=["small", "large"])
def test_heads_and_bodies_can_be_asked_for_in_turn(body: bytes, loop: dict[str, object]) -> None:
    """The answers begin with the same bytes; only who remembers the question knows where they end."""
    response = sized(body)
    head = whole(response.removesuffix(body))
    requests = (Request(method="HEAD"), Request(), Request(method="POST", body=b"x" * 100))
    expect = Expectation(body_sha256=digest_of(body))

    def answer_to(request: bytes) -> Answer:
        return head if request.startswith(b"HEAD") else whole(response)

    with forked_loop() as offer, AnsweringServer(answer_to) as server:
        result = offer(short_load(server.port, requests=requests, expect=expect, **loop))
    assert_adds_up(result)
    assert_agrees(result, server)
    assert result.errors == Errors()
    heads = result.requests - result.checked
    assert 0 < heads <= server.sent[head] <= heads + result.unfinished
    assert 0 < result.checked <= server.sent[whole(response)] <= result.checked + result.unfinished
    assert result.bytes == heads * len(head.pieces[0]) + result.checked * len(response)


@pytest.mark.parametrize("body", [RIGHT, RIGHT * REPEATS], ids=["small", "large"])
def test_heads_in_between_hold_nothing_up(body: bytes) -> None:
    """After a GET the length of the body would be known from the head: a HEAD would wait for it for ever."""
    response = sized(body)

    def answer_to(request: bytes) -> Answer:
        return whole(response.removesuffix(body) if request.startswith(b"HEAD") else response)

    requests = (Request(weight=9), Request(method="HEAD"))
    with forked_loop() as offer, AnsweringServer(answer_to) as server:
        result = offer(short_load(server.port, requests=requests, connections=1, threads=1))
    assert_adds_up(result)
    assert_agrees(result, server)
    assert result.errors == Errors()
    assert result.ok > 50


def test_only_heads_can_be_asked_for() -> None:
    head = whole(head_of(200, "Content-Length: 1000"))
    result, _ = play(repeat(head), requests=(Request(method="HEAD"),), **CLOSED)
    assert result.errors == Errors()
    assert result.ok > CONNECTIONS


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_response_that_can_have_no_body_is_not_of_the_wrong_length(method: str) -> None:
    head = head_of(204) if method == "GET" else head_of(200, "Content-Length: 10")
    result, _ = play(repeat(whole(head)), method=method, expect=Expectation(body_bytes=20))
    assert result.errors == Errors()
    assert result.ok == result.requests > 0
