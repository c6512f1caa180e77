"""In a load of several kinds of request, each has figures of its own, which are what the server did to that kind."""

import time
from collections import Counter

import pytest

from harness.generator.process import Generator
from harness.load.result import Errors, LoadResult, RequestResult
from harness.load.spec import Arrivals, DataTable, Expectation, Request
from tests.generator.accounting import assert_adds_up, play
from tests.generator.answering_server import AnsweringServer, paths_of
from tests.generator.answers import CHUNKED, LARGE, SMALL, broken, whole
from tests.generator.forked import forked_loop
from tests.generator.loads import short_load
from tests.generator.messages import sized
from tests.generator.scripted_server import Answer

ANSWERS = {
    "/small": whole(SMALL),
    "/large": whole(LARGE),
    "/chunked": whole(CHUNKED),
    "/missing": whole(sized(b"no", status=404)),
    "/missing-large": whole(sized(b"no" * 200_000, status=404)),
}
REQUESTS = tuple(Request(path=path) for path in ANSWERS)
OPEN = Arrivals(rate_per_s=500)


def answer_to(request: bytes) -> Answer:
    return ANSWERS[request.split(b" ", 2)[1].decode("ascii").partition("?")[0]]


def measured(requests: tuple[Request, ...], **changes: object) -> tuple[LoadResult, Counter[str]]:
    """A short load, and how often the server was asked for each path."""
    with forked_loop() as loop, AnsweringServer(answer_to) as server:
        result = loop(short_load(server.port, requests=requests, **changes))
    assert_adds_up(result)
    return result, Counter(dict(paths_of(server)))


def by_name(result: LoadResult) -> dict[str, RequestResult]:
    return {kind.name: kind for kind in result.by_request}


@pytest.mark.parametrize("arrivals", [None, OPEN], ids=["closed", "open"])
def test_every_kind_has_what_the_server_answered_it_with(arrivals: Arrivals | None) -> None:
    result, asked = measured(REQUESTS, arrivals=arrivals, duration_s=0.5)
    kinds = by_name(result)
    assert list(kinds) == [f"GET {path}" for path in ANSWERS]
    for path, times in asked.items():
        kind = kinds[f"GET {path}"]
        assert 0 < kind.requests <= times <= kind.requests + result.unfinished
        assert kind.ok == (0 if "missing" in path else kind.requests)
        assert kind.errors == kind.requests - kind.ok
    assert result.errors == Errors(status=sum(kind.errors for kind in kinds.values()))


def test_a_body_of_another_length_is_an_error_of_its_kind() -> None:
    expect = Expectation(body_bytes=len(LARGE.partition(b"\r\n\r\n")[2]))
    result, _ = measured(REQUESTS[:2], expect=expect, duration_s=0.3)
    small, large = result.by_request
    assert (small.ok, large.ok) == (0, large.requests)
    assert result.errors == Errors(body=small.requests)


def test_a_kind_that_is_slow_is_known_by_its_latency() -> None:
    def slow_if_asked(request: bytes) -> Answer:
        if b"/large" in request:
            time.sleep(0.02)
        return whole(SMALL)

    with forked_loop() as loop, AnsweringServer(slow_if_asked) as server:
        result = loop(short_load(server.port, requests=REQUESTS[:2], duration_s=0.5))
    fast, slow = (kind.latency_ms for kind in result.by_request)
    assert fast is not None
    assert slow is not None
    assert fast.p50 < 20 < slow.p50


def test_what_times_out_or_breaks_counts_for_its_kind() -> None:
    result, _ = play(
        iter([whole(SMALL)] * 20 + [broken(SMALL[:-1])] * 10**6),
        requests=REQUESTS[:2],
        connections=2,
        duration_s=0.5,
        timeout_s=0.1,
    )
    assert result.errors.timeout > 0
    assert sum(kind.errors for kind in result.by_request) == result.errors.total


def test_requests_are_called_as_they_are_written_and_those_of_one_name_are_one() -> None:
    data = DataTable(columns=("id",), rows=(("1",), ("2",)))
    requests = (Request(path="/small?id={id}"), Request(path="/large"), Request(path="/large", body=b"{id}"))
    result, asked = measured(requests, data=data)
    assert list(by_name(result)) == ["GET /small?id={id}", "GET /large"]
    assert set(asked) == {"/small?id=1", "/small?id=2", "/large"}


def test_what_was_filled_in_is_in_no_name() -> None:
    """As where a path holds a secret."""
    secret = Request(path="/small?token=hunter22", written="GET /small?token={env:TOKEN}")
    result, _ = measured((secret, REQUESTS[1]))
    assert list(by_name(result)) == ["GET /small?token={env:TOKEN}", "GET /large"]


def test_one_request_has_no_figures_of_its_own() -> None:
    assert measured(REQUESTS[:1])[0].by_request == []
    data = DataTable(columns=("id",), rows=(("1",),))
    assert measured((Request(path="/small?id={id}"),), data=data)[0].by_request == []


def test_the_parts_of_the_processes_are_one_without_their_warm_up() -> None:
    with Generator.here(processes=2) as generator, AnsweringServer(answer_to) as server:
        generator.begin(short_load(server.port, requests=REQUESTS, warmup_s=0.3, duration_s=0.5))
        result = generator.result()
    assert_adds_up(result)
    assert len(result.by_request) == len(REQUESTS)
