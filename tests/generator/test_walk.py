"""Connections are looked after a few at a time: by a clock that runs only while one is."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.generator.clock import LoopClock
from harness.generator.connection import Connection
from harness.generator.exchange import Exchange
from harness.generator.walk import SERVED_FOR_ONE, SLICE_NS, Walk
from harness.generator.window import Group

PERIOD_NS = 100_000_000
COST_NS = 70_000
MANY = 3000


class Needy:
    """A policy all of whose connections need something, which takes its time."""

    def __init__(self, number: int) -> None:
        self.now_ns = 0
        self.connections = [Connection(Group()) for _ in range(number)]
        self.looked_after: list[Connection] = []

    def select_overdue(self, connections: Sequence[Connection], now_ns: int) -> list[Connection]:
        return list(connections)

    def maintain(self, connection: Connection, now_ns: int) -> None:
        self.looked_after.append(connection)
        self.now_ns += COST_NS


def walk_of(needy: Needy, monkeypatch: pytest.MonkeyPatch) -> Walk:
    """A walk over them."""
    exchange: Any = SimpleNamespace(policy=needy)
    return Walk(cast(Exchange, exchange), cast(LoopClock, SimpleNamespace(now_ns=lambda: needy.now_ns)), PERIOD_NS)


def test_all_are_looked_after_once_a_slice_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    needy = Needy(MANY)
    walking = walk_of(needy, monkeypatch)
    while len(needy.looked_after) < MANY:
        before_ns, before = needy.now_ns, len(needy.looked_after)
        assert walking.run_slice(needy.now_ns) == needy.now_ns
        took_ns = needy.now_ns - before_ns
        assert 0 < took_ns < SLICE_NS + COST_NS
        if len(needy.looked_after) - before >= SLICE_NS // COST_NS:
            assert walking.due_ns == needy.now_ns + SERVED_FOR_ONE * took_ns
        needy.now_ns = max(needy.now_ns, walking.due_ns)
    assert needy.looked_after == needy.connections


def test_the_next_walk_begins_a_period_after_the_last_began(monkeypatch: pytest.MonkeyPatch) -> None:
    needy = Needy(3)
    needy.now_ns = 5
    walking = walk_of(needy, monkeypatch)
    walking.run_slice(needy.now_ns)
    assert needy.looked_after == needy.connections
    assert walking.due_ns == 5 + PERIOD_NS
    walking.run_slice(walking.due_ns)
    assert needy.looked_after == needy.connections * 2
