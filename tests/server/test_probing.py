"""How long an answer takes without load: the quickest on a connection that is open already."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from harness.load.spec import Load, Request, Target
from harness.server.probing import WARM_PROBES, time_unloaded_s
from harness.server.question import Question

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextlib.contextmanager
def answering_after(delays_s: Sequence[float]) -> Iterator[tuple[Target, list[int]]]:
    """A server of which each connection gets so many answers after these times, and is closed; and how many requests
    came on each."""
    asked: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    asked.append(0)
                    with connection:
                        for delay_s in delays_s:
                            if not connection.recv(4096):
                                break
                            asked[-1] += 1
                            time.sleep(delay_s)
                            connection.sendall(ANSWER)

        threading.Thread(target=serve, daemon=True).start()
        yield Target(host="127.0.0.1", port=listener.getsockname()[1]), asked
        listener.shutdown(socket.SHUT_RDWR)


def question(target: Target, method: str = "GET") -> Question:
    return Question.of_load(Load(target=target, requests=(Request(method=method),)))


def test_the_quickest_answer_counts_and_all_come_on_one_connection() -> None:
    """The first pays for what is done only once, and a new connection for its being opened."""
    with answering_after([0.1, 0.05, *(WARM_PROBES - 2) * [0.0]]) as (target, asked):
        found_s = time_unloaded_s(question(target))
    assert found_s is not None
    assert found_s < 0.05
    assert asked == [WARM_PROBES]


def test_of_slow_answers_fewer_are_waited_for() -> None:
    with answering_after(WARM_PROBES * [0.2]) as (target, asked):
        assert time_unloaded_s(question(target)) == pytest.approx(0.2, abs=0.1)
    assert asked == [2]


def test_a_server_that_closes_the_connection_is_judged_by_what_it_answered() -> None:
    with answering_after([0.05]) as (target, asked):
        found_s = time_unloaded_s(question(target))
    assert found_s is not None
    assert found_s >= 0.05
    assert asked[0] == 1


def test_what_may_not_be_sent_again_is_not_sent() -> None:
    with answering_after([0.0]) as (target, asked):
        assert time_unloaded_s(question(target, "POST")) is None
    assert asked == []


def test_a_server_that_does_not_answer_in_a_second_tells_nothing() -> None:
    with answering_after([1.5]) as (target, _):
        assert time_unloaded_s(question(target)) is None
