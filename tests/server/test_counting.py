"""How workers are counted, look by look."""

from collections.abc import Mapping

import pytest

from harness.record import Role
from harness.server.process_tree import Key, ProcessTree


class FakeExit:
    """How a process ended, if it did."""

    def __init__(self, status: int | None) -> None:
        self._status = status

    def status(self) -> int | None:
        """As it was told."""
        return self._status


class FakeSeen:
    """A process that is a worker, and of which nothing else is known."""

    def __init__(self, pid: int, status: int | None) -> None:
        self.exit = FakeExit(status)
        self._pid = pid

    def to_record(self, role: Role) -> int:
        """Who it is."""
        return self._pid


class Told(ProcessTree):
    """A process tree of which the looks are given, by the pids of who was there."""

    def __init__(self, *looks: set[int], begin: int, exits: Mapping[int, int]) -> None:
        keys: list[frozenset[Key]] = [frozenset((pid, 0.0) for pid in look) for look in looks]
        self._looks, self._begin, self._when_ready = keys, begin, ()
        seen = {key: FakeSeen(key[0], exits.get(key[0])) for look in keys for key in look}
        self._known = seen  # type: ignore[assignment]

    def roles(self) -> dict[int, Role]:
        """All of them work."""
        return {pid: "worker" for pid, _ in self._known}


def test_where_workers_are_replaced_as_many_are_found_as_were_there_at_a_time() -> None:
    process_tree = Told({1, 2}, {2}, {2, 3}, begin=1, exits={1: 0})
    assert process_tree.workers().found == 2
    assert list(map(int, process_tree.list_at_begin())) == [2, 3]  # type: ignore[arg-type]


def test_where_some_only_came_or_went_as_many_are_found_as_were_there_as_the_window_began() -> None:
    assert Told({1}, {1}, {1, 2}, begin=1, exits={}).workers().found == 1
    assert Told({1, 2}, {1, 2}, {1}, begin=1, exits={2: 0}).workers().found == 2


def test_where_none_was_there_in_the_window_as_many_as_before() -> None:
    assert Told({1}, {2}, set(), set(), begin=2, exits={1: 0, 2: 0}).workers().found == 1


@pytest.mark.parametrize("looks", [({1, 2}, set(), set()), ({1, 2}, set(), {1, 2}), ({1, 2}, {1, 2}, set())])
def test_where_all_went_others_have_come_and_gone_between_two_looks(looks: tuple[set[int], ...]) -> None:
    process_tree = Told(*looks, begin=1, exits={1: 0, 2: 0})
    assert (process_tree.workers().found, process_tree.workers().is_replacing) == (2, True)
    assert list(map(int, process_tree.list_at_begin())) == [1, 2]  # type: ignore[arg-type]


def test_what_came_and_went_is_counted_where_it_did() -> None:
    counts = Told({1}, {1, 2}, {2, 3}, {2, 3, 4}, {4, 3}, begin=2, exits={1: 0, 2: -15}).workers()
    assert (counts.ready, counts.found, counts.least, counts.most, counts.at_end) == (1, 3, 2, 3, 2)
    assert (counts.started_before, counts.ended_before) == (2, 1)
    assert (counts.started, counts.ended) == (1, {"SIGTERM": 1})
    assert counts.changed_seconds == [0, 1]
    assert Told({1, 2}, {1}, begin=0, exits={2: 0}).workers().least == 1


@pytest.mark.parametrize("begin", [0, 2], ids=["in the window", "before it"])
def test_a_crash_counts_whenever_it_was_and_an_end_that_is_not_told_too(begin: int) -> None:
    counts = Told({1, 2, 3}, {3}, {3, 4}, begin=begin, exits={1: -11}).workers()
    assert counts.crashed == ["worker 1 ended during the trial: SIGSEGV"]
    assert counts.untold == 1
