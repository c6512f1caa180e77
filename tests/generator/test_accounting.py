"""Complete responses are counted once and rightly, however they are framed and cut, among failures of all kinds."""

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, count, cycle, islice, repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.generator.process import Generator
from harness.generator.response_cache import MAX_HEADS
from harness.load.requests import encode_requests
from harness.load.result import Errors, LoadResult
from harness.load.spec import Arrivals, Request
from tests.generator.accounting import assert_adds_up, assert_agrees, play
from tests.generator.answers import CHUNKED, LARGE, SMALL, UNTIL_CLOSE, broken, closing, whole
from tests.generator.forked import forked_loop
from tests.generator.loads import short_load
from tests.generator.messages import chunked, cut, cut_every, head_of, sized
from tests.generator.scripted_server import HOST, PATIENCE_S, After, Answer, ScriptedServer

HEAD_END_AT = SMALL.index(b"\r\n\r\n")
INTERIM = head_of(103, "Link: </a.css>")
OLD_KEPT = head_of(200, "Content-Length: 3", "Connection: keep-alive", version="1.0") + b"old"
OLD_CLOSED = head_of(200, "Content-Length: 3", version="1.0") + b"old"

LF_CHUNKED = head_of(200, "Transfer-Encoding: chunked").replace(b"\r\n", b"\n") + b"2\r\nab\r\n0\r\n\r\n"

GOOD = {
    "small": whole(SMALL),
    "empty": whole(sized(b"")),
    "large": whole(LARGE),
    "large in pieces": whole(*cut_every(LARGE, 10_000)),
    "cut at every byte": whole(*cut_every(SMALL, 1)),
    "cut in status and body": whole(*cut(SMALL, [9, len(SMALL) - 1])),
    "cut in the end of the head": whole(*cut(SMALL, [HEAD_END_AT + 2])),
    "cut after the head": whole(*cut(SMALL, [HEAD_END_AT + 4])),
    "large head": whole(sized(b"a body", f"X-Long: {'x' * 5000}")),
    "chunked": whole(CHUNKED),
    "chunked in pieces": whole(*cut_every(CHUNKED, 100)),
    "chunked, then close": closing(chunked([b"last"], "Connection: close")),
    "sized, then close": closing(sized(b"last", "Connection: close")),
    "until close": closing(UNTIL_CLOSE),
    "until close in pieces": closing(*cut_every(UNTIL_CLOSE, 20)),
    "1.0": closing(OLD_CLOSED),
    "1.0 kept": whole(OLD_KEPT),
    "204": whole(head_of(204)),
    "304": whole(head_of(304, "Content-Length: 4711")),
    "folded": whole(head_of(200, "Content-Length: 3", "X-Folded: one", " two") + b"abc"),
    "bare LF": whole(SMALL.replace(b"\r\n", b"\n")),
    "bare LF, large": whole(LARGE.replace(b"\r\n", b"\n")),
    "bare LF, chunked": whole(LF_CHUNKED),
    "small after an interim response": whole(INTERIM, SMALL),
    "large after an interim response": whole(INTERIM + LARGE),
}


@pytest.mark.parametrize("answer", GOOD.values(), ids=GOOD.keys())
def test_good_responses(answer: Answer) -> None:
    assert_all_are_good(*play(repeat(answer)), answer)


@pytest.mark.parametrize("line", ["Content-Length: 4711", "Transfer-Encoding: chunked"])
def test_good_responses_to_head(line: str) -> None:
    answer = whole(head_of(200, line))
    assert_all_are_good(*play(repeat(answer), method="HEAD"), answer)


def assert_all_are_good(result: LoadResult, server: ScriptedServer, answer: Answer) -> None:
    """Nothing but good responses was counted, all their bytes were, and connections were kept where they could be."""
    assert result.ok == result.requests > 0
    assert result.errors == Errors()
    assert result.bytes == result.ok * len(b"".join(answer.pieces))
    if answer.after is After.KEEP:
        assert server.connections == result.connections
    else:
        assert server.connections >= server.responses


@pytest.mark.parametrize("status", [400, 404, 500])
def test_bad_statuses(status: int) -> None:
    result, _ = play(repeat(whole(sized(b"no", status=status))))
    assert result.errors == Errors(status=result.requests)
    assert result.statuses == {status: result.requests}


def test_statuses_in_turn() -> None:
    """One connection, so that the responses counted are the first ones of the script."""
    statuses = (200, 404, 201, 302, 500, 200)
    result, _ = play(cycle(whole(sized(b"", status=status)) for status in statuses), connections=1, threads=1)
    expected = Counter(islice(cycle(statuses), result.requests))
    assert result.statuses == expected
    assert result.errors == Errors(status=expected[404] + expected[500])


def test_a_large_request_is_received_whole_although_it_is_written_in_parts() -> None:
    with forked_loop() as offer, ScriptedServer(repeat(whole(SMALL)), slow=True) as server:
        load = short_load(server.port, method="POST", body=b"0123456789" * 500_000, connections=2, duration_s=0.5)
        request = next(encode_requests(load)).data
        assert writes_only_a_part(server.port, request)
        result = offer(load)
    assert_adds_up(result)
    assert_agrees(result, server)
    assert result.ok == result.requests > 0
    assert result.errors == Errors()
    assert set(server.requests) == {request}


def writes_only_a_part(port: int, request: bytes) -> bool:
    """Whether the kernel takes only a part of the request, for now."""
    with socket.create_connection((HOST, port)) as sock:
        sock.setblocking(False)
        return sock.send(request) < len(request)


def test_more_heads_than_are_remembered() -> None:
    """Nothing is lost when the heads are forgotten, neither of those that came once nor of the one that came often."""
    with ScriptedServer(many_heads()) as server:
        result = load_until(server, lambda: len(server.sent) > MAX_HEADS + 100, connections=1, threads=1)
    assert_adds_up(result)
    assert_agrees(result, server)
    assert result.errors == Errors()
    assert result.workers == Counter(islice(map(worker_of, count()), result.requests))


def test_heads_are_forgotten_while_a_body_is_on_its_way() -> None:
    """The first body comes to its end only after all the heads that followed its own."""
    heads_came = threading.Event()
    first = Answer(cut(LARGE, [100_000]), wait=partial(heads_came.wait, PATIENCE_S))

    def the_first_has_come() -> bool:
        if len(server.sent) > MAX_HEADS + 100:
            heads_came.set()
        return server.sent[first] > 0

    with ScriptedServer(chain([first], many_heads())) as server:
        result = load_until(server, the_first_has_come, connections=2)
    assert_adds_up(result)
    assert_agrees(result, server)
    assert result.errors == Errors()


def load_until(server: ScriptedServer, enough: Callable[[], bool], **changes: object) -> LoadResult:
    """A load that is stopped as soon as it is enough."""
    with Generator.here() as generator:
        generator.begin(short_load(server.port, duration_s=60.0, timeout_s=30.0, **changes))
        for event in generator.events(patience_s=0.05):
            if isinstance(event, LoadResult):
                return event
            if enough():
                generator.stop()
    raise AssertionError("events without a result")


def many_heads() -> Iterator[Answer]:
    """Every fourth is the same, all others are unique."""
    for number in count():
        lines = (f"X-Number: {number}",) if number % 4 else ()
        yield whole(sized(b"body", f"X-Worker: {worker_of(number)}", *lines))


def worker_of(number: int) -> str:
    """Five workers in turn, and another for the head that comes often."""
    return f"w{number % 5}" if number % 4 else "often"


MIXED = {
    "small": whole(SMALL),
    "large": whole(LARGE),
    "chunked": whole(CHUNKED),
    "in pieces": whole(*cut_every(SMALL, 7)),
    "close": closing(sized(b"last", "Connection: close")),
    "until close": closing(UNTIL_CLOSE),
    "closed unannounced": closing(SMALL),
    "404": whole(sized(b"no", status=404)),
    "break": broken(LARGE[:100_000], after=After.CLOSE),
    "reset": broken(SMALL[:-1], after=After.RESET),
    "stall": broken(SMALL[:-1]),
    "garbage": broken(b"garbage\r\n\r\n"),
    "surplus": broken(SMALL + b"!"),
}


@settings(max_examples=10, deadline=None)
@given(
    names=st.lists(st.sampled_from(sorted(MIXED)), min_size=2, max_size=8),
    connections=st.integers(1, 6),
    arrivals=st.sampled_from([None, Arrivals(rate_per_s=400)]),
)
def test_any_mixture_adds_up(names: list[str], connections: int, arrivals: Arrivals | None) -> None:
    """Of requests of several kinds, whatever becomes of each."""
    requests = (Request(), Request(path="/other"), Request(method="POST", body=b"x"))
    changes = {"connections": connections, "threads": 1, "duration_s": 0.25, "timeout_s": 0.1, "arrivals": arrivals}
    result, server = play(cycle(MIXED[name] for name in names), requests=requests, **changes)
    sent = Counter({name: server.sent[MIXED[name]] for name in set(names)})
    assert result.errors.protocol <= sent["garbage"] + sent["surplus"]
    assert result.errors.status <= sent["404"]  # no such bound for time-outs: a pause of the machine makes some
    assert result.errors.read + result.errors.write <= sent["break"] + sent["reset"] + sent["closed unannounced"]
    assert sent.total() - sent["closed unannounced"] <= result.started
