"""Many connections are opened in slices, and again only in their turn."""

import socket
import time
from collections.abc import Iterator

import pytest

from harness.generator.clock import LoopClock
from harness.generator.closed import ClosedLoop
from harness.generator.connection import CLOSED, CONNECTING
from harness.generator.exchange import Exchange
from harness.generator.loop import MAX_OPENED, LoadLoop
from harness.generator.request_stats import RequestStats
from harness.load.requests import encode_requests
from tests.generator.loads import short_load
from tests.generator.scripted_server import HOST


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server((HOST, 0), backlog=1000) as listening:
        yield listening


def test_those_that_are_open_are_served_before_more_are_opened(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = 3 * MAX_OPENED + 7
    loop = LoadLoop(short_load(listener.getsockname()[1], connections=number), lambda event: None, lambda: False)
    loop._exchange.policy = loop._closed
    served_with: list[int] = []

    def turn(until_ns: int) -> int:
        served_with.append(len(loop._closed.connections))
        while (now_ns := time.monotonic_ns()) < until_ns:
            pass
        return now_ns

    monkeypatch.setattr(loop, "_run_until", turn)
    loop._open_connections(loop._exchange.connections, 0, 0)
    assert served_with == [MAX_OPENED, 2 * MAX_OPENED, 3 * MAX_OPENED]
    assert len(loop._closed.list_due_ns()) == number
    for connection in loop._exchange.connections:
        loop._exchange.close(connection)


def test_after_a_time_out_a_connection_is_opened_in_its_turn(listener: socket.socket) -> None:
    load = short_load(listener.getsockname()[1], connections=1, threads=1)
    stats = RequestStats(load)
    exchange = Exchange(load, stats, LoopClock())
    exchange.policy = closed = ClosedLoop(exchange, stats, encode_requests(load))
    (connection,) = exchange.connections
    closed.connections.append(connection)
    closed.start(connection, now_ns=1)
    overdue_ns = 2 + exchange.timeout_ns
    assert closed.select_overdue([connection], overdue_ns - 1) == []
    assert closed.select_overdue([connection], overdue_ns) == [connection]
    exchange.time_out(connection, overdue_ns)
    assert connection.state == CLOSED
    assert (stats.counters.started, stats.counters.timed_out, len(closed.list_due_ns())) == (1, 1, 0)
    assert closed.select_overdue([connection], overdue_ns) == [connection]
    closed.maintain(connection, overdue_ns)
    assert connection.state == CONNECTING
    assert (stats.counters.started, len(closed.list_due_ns())) == (2, 1)
    exchange.close(connection)
