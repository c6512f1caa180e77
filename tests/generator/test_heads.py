"""The cache of heads stays small, and no response that was counted on a head is lost."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from harness.generator.framing import Head, HeadCache, parse_head
from harness.generator.tally import Tally
from tests.generator.messages import head_of

CAPACITY = 4
STATUSES = (200, 404, 500)
WORKERS = ("", "w1", "w2")


def numbered_head(number: int) -> Head:
    """One of many heads; the number also chooses its status and its worker."""
    worker, status = WORKERS[number % len(WORKERS)], STATUSES[number % len(STATUSES)]
    lines = [f"X-Worker: {worker}"] if worker else []
    return parse_head(head_of(status, "Content-Length: 3", f"X-Number: {number}", *lines), "GET")


class Serving:
    """Finds heads as the load loop does, with the heads of the last few responses still in flight."""

    def __init__(self, in_flight: int) -> None:
        self.cache, self.tally = HeadCache(CAPACITY), Tally()
        self._in_flight: list[Head] = []
        self._most_in_flight = in_flight

    def serve(self, number: int) -> None:
        """Begin a response with that head, and complete the oldest one when enough are in flight."""
        head = numbered_head(number)
        known = self.cache.by_bytes.get(head.raw)
        if known is None:
            if self.cache.full:
                self.tally.collect(self.cache.by_bytes.values())
                self.cache.forget(self._in_flight)
            self.cache.add(head)
            known = head
        self._in_flight.append(known)
        if len(self._in_flight) > self._most_in_flight:
            self._in_flight.pop(0).hits += 1

    def finish(self) -> None:
        """Complete what is in flight, and collect."""
        for head in self._in_flight:
            head.hits += 1
        self._in_flight.clear()
        self.tally.collect(self.cache.by_bytes.values())


@given(numbers=st.lists(st.integers(0, 12), max_size=80), in_flight=st.integers(0, 6))
def test_every_hit_is_collected_once(numbers: list[int], in_flight: int) -> None:
    serving = Serving(in_flight)
    for number in numbers:
        serving.serve(number)
        assert len(serving.cache.by_bytes) <= max(CAPACITY, in_flight + 1)
    serving.finish()
    heads, tally = [numbered_head(number) for number in numbers], serving.tally
    assert tally.statuses == Counter(head.status for head in heads)
    assert tally.workers == Counter(head.worker for head in heads if head.worker)
    assert tally.completed == len(numbers)
    assert tally.ok == sum(head.status < 400 for head in heads)
    assert tally.bytes == sum(head.total_bytes for head in heads)


def test_collecting_twice_counts_once() -> None:
    head, tally = numbered_head(0), Tally()
    head.hits = 3
    tally.collect([head])
    tally.collect([head])
    assert (tally.ok, tally.bytes) == (3, 3 * head.total_bytes)


def test_heads_in_flight_are_kept_and_the_others_dropped() -> None:
    cache, heads = HeadCache(CAPACITY), [numbered_head(number) for number in range(CAPACITY)]
    for head in heads:
        assert not cache.full
        cache.add(head)
    assert cache.full
    cache.forget([heads[2]])
    assert list(cache.by_bytes.values()) == [heads[2]]
    assert not cache.full
