"""Responses are counted for the worker that sent them, by X-Worker."""

from collections import Counter
from collections.abc import Callable
from itertools import count, cycle, islice, repeat

import pytest

from harness.generator.counters import MAX_WORKERS, OTHERS
from tests.generator.accounting import play
from tests.generator.answers import whole
from tests.generator.messages import chunked, head_of, sized
from tests.generator.scripted_server import Answer

WORKERS = ("101", "102", "103", "102", "104")


def sized_by(worker: str) -> Answer:
    return whole(sized(b"a body", f"X-Worker: {worker}"))


def chunked_by(worker: str) -> Answer:
    return whole(chunked([b"a", b"body"], f"x-worker: {worker}"))


def bodiless_by(worker: str) -> Answer:
    return whole(head_of(204, f"X-WORKER: {worker}"))


@pytest.mark.parametrize("answer_by", [sized_by, chunked_by, bodiless_by])
def test_workers_in_turn_on_one_connection(answer_by: Callable[[str], Answer]) -> None:
    """The responses counted are the first ones that the server sent."""
    result, _ = play(cycle(map(answer_by, WORKERS)), connections=1, threads=1)
    assert result.workers == Counter(islice(cycle(WORKERS), result.requests))


def test_workers_in_turn_on_many_connections() -> None:
    """All that the server sent but those on their way at the end."""
    result, server = play(cycle(map(sized_by, WORKERS)), connections=8)
    sent = {worker: server.sent[sized_by(worker)] for worker in WORKERS}
    assert result.workers.keys() == sent.keys()
    assert all(result.workers[worker] <= sent[worker] for worker in sent)
    assert sum(result.workers.values()) == result.requests


def test_a_server_that_does_not_name_its_workers() -> None:
    result, _ = play(repeat(whole(sized(b"a body"))))
    assert result.requests > 0
    assert result.workers == {}


def test_error_responses_are_a_workers_too() -> None:
    result, _ = play(repeat(whole(sized(b"no", "X-Worker: 9", status=500))))
    assert result.workers == {"9": result.requests}


def test_workers_without_end_cost_bounded_memory() -> None:
    """A new one in every response: the first are told by name, the rest together."""
    result, _ = play(map(sized_by, map(str, count())), duration_s=1.0)
    assert result.requests > MAX_WORKERS, "too slow a machine for this test"
    assert len(result.workers) == MAX_WORKERS + 1
    assert result.workers[OTHERS] == result.requests - MAX_WORKERS
