"""What a load can't time: the peer's reset is there before the request is written."""

import select
import socket
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final

import pytest

from harness.generator.clock import LoopClock
from harness.generator.connection import Connection
from harness.generator.exchange import MAX_READS, Exchange
from harness.generator.framing import CHUNKS_PIECE_BYTES
from harness.generator.request_stats import RequestStats
from harness.load.requests import encode_requests
from harness.load.spec import Load
from tests.generator.answers import SMALL, UNTIL_CLOSE
from tests.generator.loads import short_load
from tests.generator.messages import chunked, head_of, sized
from tests.generator.scripted_server import HOST
from tests.generator.talking_server import reset

INTERIM: Final = b"HTTP/1.1 102 Processing\r\n\r\n"
TINY_CHUNKS: Final = head_of(200, "Transfer-Encoding: chunked") + b"1\r\ny\r\n" * 4000 + b"0\r\n\r\n"
MOST_IN_A_TURN: Final = MAX_READS * CHUNKS_PIECE_BYTES


class Watcher:
    """A policy that starts nothing."""

    connections: Sequence[Connection] = ()

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_open(self, connection: Connection, now_ns: int) -> None:
        self.told.append("opened")

    def on_response(self, connection: Connection, now_ns: int) -> None:
        self.told.append("answered")

    def on_close(self, connection: Connection, now_ns: int) -> None:
        self.told.append("closed")

    def on_open_failure(self, connection: Connection, now_ns: int) -> None:
        self.told.append("not opened")

    def on_timeout(self, connection: Connection, now_ns: int) -> None:
        self.told.append("timed out")

    def is_overdue(self, connection: Connection, now_ns: int) -> bool:
        return False

    def select_overdue(self, connections: Sequence[Connection], now_ns: int) -> list[Connection]:
        return []

    def list_due_ns(self) -> list[int]:
        return []

    def maintain(self, connection: Connection, now_ns: int) -> None:
        """Nothing is."""


class Wire:
    """One connection and the peer's side of it."""

    def __init__(self, listener: socket.socket, **changes: object) -> None:
        load: Load = short_load(listener.getsockname()[1], connections=1, threads=1, **changes)
        self.request = next(encode_requests(load))
        self.stats, self.watcher = RequestStats(load), Watcher()
        self.exchange = Exchange(load, self.stats, LoopClock())
        self.exchange.policy = self.watcher
        self.connection = self.exchange.connections[0]
        self.exchange.open(self.connection)
        self.peer, _ = listener.accept()
        self.turn()

    def cut(self) -> None:
        """Let go of both ends."""
        self.exchange.close(self.connection)
        self.exchange.epoll.close()
        self.peer.close()

    def turn(self) -> None:
        """Let what has arrived be heard."""
        for fd, event in self.exchange.epoll.poll(1.0):
            self.exchange.advance(self.exchange.by_fd[fd], event)

    def send(self) -> None:
        self.exchange.send(self.connection, self.request, 1, 1)

    def answer_the_first(self) -> None:
        """From here on the connection is a used one."""
        self.send()
        self.peer.recv(65536)
        self.peer.sendall(SMALL)
        self.turn()
        assert self.watcher.told == ["opened", "answered"]

    def say_and_reset(self, data: bytes) -> None:
        """What was said is at our side, and then the reset."""
        self.peer.sendall(data)
        reset(self.peer)
        self.peer.close()


Wired = Callable[..., Wire]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server((HOST, 0)) as listening:
        yield listening


@pytest.fixture
def wired(listener: socket.socket) -> Iterator[Wired]:
    """Makes a wire to the listener."""
    wires: list[Wire] = []

    def make(**changes: object) -> Wire:
        wires.append(Wire(listener, **changes))
        return wires[-1]

    yield make
    for wire in wires:
        wire.cut()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_that_came_before_the_reset_is_heard(wired: Wired, method: str) -> None:
    wire = wired(method=method)
    wire.say_and_reset(sized(b"no", status=503))
    wire.send()
    assert wire.watcher.told == ["opened", "closed"]
    assert wire.stats.counters.errors().total == wire.stats.counters.bad_status == 1


def test_a_body_that_was_to_last_until_the_close_is_not_whole_after_a_reset(wired: Wired) -> None:
    wire = wired()
    wire.say_and_reset(UNTIL_CLOSE)
    wire.send()
    assert wire.watcher.told == ["opened", "closed"]
    assert wire.stats.counters.errors().total == wire.stats.counters.read == 1


def test_a_new_connection_that_is_reset_can_not_be_written_to(wired: Wired) -> None:
    wire = wired()
    wire.say_and_reset(b"")
    wire.send()
    assert wire.stats.counters.errors().total == wire.stats.counters.write == 1


@pytest.mark.parametrize("last_words", [b"", sized(b"", "Connection: close", status=408)], ids=["silent", "408"])
def test_a_used_connection_that_is_reset_is_replaced(wired: Wired, listener: socket.socket, last_words: bytes) -> None:
    wire = wired()
    wire.answer_the_first()
    wire.say_and_reset(last_words)
    wire.send()
    assert wire.stats.counters.reconnected == 1
    assert wire.stats.counters.errors().total == 0
    assert wire.connection.has_request
    with listener.accept()[0] as again:
        wire.turn()
        assert again.recv(65536) == wire.request.data
        again.sendall(SMALL)
        wire.turn()
    assert wire.watcher.told == ["opened", "answered", "answered"]
    assert (wire.connection.due_ns, wire.connection.sent_ns) == (1, 1)


def test_no_more_descriptors_for_the_new_connection_are_a_failure_to_connect(
    wired: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = wired()
    wire.answer_the_first()
    wire.say_and_reset(b"")
    monkeypatch.setattr("harness.generator.transport.Connector.start_connect", no_descriptor)
    wire.send()
    assert wire.watcher.told == ["opened", "answered", "closed"]
    assert wire.stats.counters.errors().total == wire.stats.counters.connect == 1


def no_descriptor(*_: object) -> socket.socket:
    raise OSError(24, "Too many open files")


@pytest.mark.parametrize("answer", [INTERIM * 1500 + SMALL, TINY_CHUNKS], ids=["interim responses", "tiny chunks"])
def test_a_turn_reads_so_much_and_the_rest_in_other_turns(wired: Wired, answer: bytes) -> None:
    wire = wired()
    wire.send()
    wire.peer.sendall(answer)
    seen = [0]
    while wire.watcher.told == ["opened"]:
        wire.turn()
        reader = wire.connection.reader
        seen.append(reader.received_bytes if reader else len(answer))
    assert wire.watcher.told == ["opened", "answered"]
    assert wire.stats.counters.bytes == len(answer)
    assert max(after - before for before, after in pairwise(seen)) <= MOST_IN_A_TURN < len(answer)


def test_a_long_answer_that_came_before_the_reset_is_heard_in_several_turns(wired: Wired) -> None:
    wire = wired(method="POST")
    wire.say_and_reset(chunked([b"0123456789"] * 4000))
    wire.send()
    assert wire.watcher.told == ["opened"]
    while wire.watcher.told == ["opened"]:
        wire.turn()
    assert wire.watcher.told == ["opened", "closed"]
    assert wire.stats.counters.errors().total == 0
    assert wire.stats.counters.ok == 1


def test_what_was_to_be_gone_on_with_is_not_on_another_connection(wired: Wired, listener: socket.socket) -> None:
    wire = wired(method="POST")
    wire.say_and_reset(chunked([b"0123456789"] * 4000))
    wire.send()
    wire.exchange.close(wire.connection)
    wire.exchange.open(wire.connection)
    with listener.accept()[0] as peer:
        wire.exchange.advance(wire.connection, select.EPOLLOUT)  # before the alarm is heard
        wire.send()
        wire.turn()
        peer.sendall(SMALL)
        wire.turn()
    assert wire.watcher.told == ["opened", "opened", "answered"]


def test_what_is_told_of_a_connection_that_another_turn_has_closed_is_nobodys(wired: Wired) -> None:
    """As when one that is gone on with ends while what epoll told of it is still to be served."""
    wire = wired()
    fd = wire.connection.fd
    wire.exchange.close(wire.connection)
    for event in (select.EPOLLIN, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLERR):
        wire.exchange.advance(wire.exchange.by_fd[fd], event)
    assert wire.watcher.told == ["opened"]


def test_a_body_that_is_skipped_is_not_read(wired: Wired) -> None:
    """As when the first read ends within a large response that is new."""
    wire = wired()
    wire.send()
    wire.peer.sendall(sized(b"0123456789" * 5000))
    wire.exchange.receive_data(wire.connection, wire.connection.recv(500))
    left_bytes = wire.connection.state
    assert left_bytes > 0
    wire.exchange.read_more(wire.connection)
    assert wire.connection.state == left_bytes
    assert len(wire.connection.recv(100_000)) == left_bytes
