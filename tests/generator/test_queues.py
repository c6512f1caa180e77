"""Servers that take one request at a time: a queue builds up for as long as a request waits in it."""

import threading
import time
from itertools import repeat
from typing import Final

import pytest

from harness.generator.process import Generator
from harness.load.result import LoadResult
from tests.generator.answers import SMALL
from tests.generator.loads import short_load
from tests.generator.scripted_server import Answer, ScriptedServer

CONNECTIONS: Final = 20
EACH_S: Final = 0.02
PER_S: Final = 1 / EACH_S
QUEUE_S: Final = CONNECTIONS * EACH_S


def one_at_a_time() -> Answer:
    """Each request waits for those that came before it."""
    turn = threading.Lock()

    def wait() -> None:
        with turn:
            time.sleep(EACH_S)

    return Answer((SMALL,), wait=wait)


def measure(warmup_s: float, duration_s: float, timeout_s: float = 5.0, answer: Answer | None = None) -> LoadResult:
    with ScriptedServer(repeat(answer or one_at_a_time())) as server, Generator.here() as generator:
        load = short_load(
            server.port, connections=CONNECTIONS, warmup_s=warmup_s, duration_s=duration_s, timeout_s=timeout_s
        )
        generator.begin(load)
        return generator.result()


@pytest.mark.parametrize("windows", [0.5, 1.0, 2.5])
def test_a_window_begins_when_the_queue_has_built_up(windows: float) -> None:
    """It would count what only waits as half done, and show waits that are too short."""
    found = measure(warmup_s=0.05, duration_s=windows * QUEUE_S)
    assert found.requests_per_s == pytest.approx(PER_S, rel=0.25)
    assert found.latency_ms
    assert found.latency_ms.p50 == pytest.approx(1000 * QUEUE_S, rel=0.25)


def test_without_a_warm_up_complete_responses_are_counted() -> None:
    found = measure(warmup_s=0.0, duration_s=0.75 * QUEUE_S)
    assert found.requests_per_s == pytest.approx(found.requests / found.duration_s)
    assert found.requests_per_s == pytest.approx(PER_S, rel=0.25)


def test_a_server_that_never_answers_is_waited_for_until_its_requests_time_out() -> None:
    found = measure(warmup_s=0.05, duration_s=0.3, timeout_s=0.2, answer=Answer())
    assert found.requests == 0
    assert found.errors.timeout >= CONNECTIONS
