"""What is known of responses stays small, and no response that was counted on a head is lost."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from harness.generator.counters import Counters
from harness.generator.framing import Head, parse_head
from harness.generator.response_cache import MAX_HEADS, MAX_WHOLE_RESPONSES, ResponseCache
from harness.load.spec import Expectation
from tests.generator.messages import head_of

SPARE = 4  # how many heads fit in before some are forgotten
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
        self.known, self.counters = almost_full(), Counters(Expectation())
        self._in_flight: list[Head] = []
        self._most_in_flight = in_flight

    def serve(self, number: int) -> None:
        """Begin a response with that head, and complete the oldest one when enough are in flight."""
        head = numbered_head(number)
        known = self.known.heads.get(head.raw)
        if known is None:
            self.counters.collect_hits(self.known.add_head(head, self._in_flight))
            known = head
        self._in_flight.append(known)
        if len(self._in_flight) > self._most_in_flight:
            self._in_flight.pop(0).hits += 1

    def finish(self) -> None:
        """Complete what is in flight, and collect."""
        for head in self._in_flight:
            head.hits += 1
        self._in_flight.clear()
        self.counters.collect_hits(self.known)


@given(numbers=st.lists(st.integers(0, 12), max_size=80), in_flight=st.integers(0, 6))
def test_every_hit_is_collected_once(numbers: list[int], in_flight: int) -> None:
    serving = Serving(in_flight)
    for number in numbers:
        serving.serve(number)
        assert len(serving.known.heads) <= MAX_HEADS
    serving.finish()
    heads, counters = [numbered_head(number) for number in numbers], serving.counters
    assert counters.statuses == Counter(head.status for head in heads)
    assert counters.workers == Counter(head.worker for head in heads if head.worker)
    assert counters.complete_responses == len(numbers)
    assert counters.ok == sum(head.status < 400 for head in heads)
    assert counters.bytes == sum(head.total_bytes for head in heads)


def test_collecting_twice_counts_once() -> None:
    head, counters = numbered_head(0), Counters(Expectation())
    head.hits = 3
    counters.collect_hits([head])
    counters.collect_hits([head])
    assert (counters.ok, counters.bytes) == (3, 3 * head.total_bytes)


def test_heads_in_flight_are_kept_and_the_others_dropped() -> None:
    known, heads = ResponseCache(), [numbered_head(number) for number in range(MAX_HEADS)]
    for head in heads:
        assert known.add_head(head, []) == []
    new = numbered_head(MAX_HEADS)
    assert known.add_head(new, [heads[2]]) == heads
    assert list(known.heads.values()) == [heads[2], new]


def test_whole_responses_are_counted_for_themselves_and_are_not_too_many() -> None:
    known, head, counters = ResponseCache(), numbered_head(0), Counters(Expectation())
    for number in range(MAX_WHOLE_RESPONSES + 10):
        known.add_whole_response(b"%b%03d" % (head.raw, number), head, checked=number % 2 == 0)
    for whole in known.whole_responses.values():
        whole.hits += 2
    known.add_whole_response(next(iter(known.whole_responses)), head, checked=False)  # keeps its hits
    counters.collect_hits(known)
    assert len(known.whole_responses) == MAX_WHOLE_RESPONSES
    known.forget_whole_responses()
    assert not known.whole_responses
    assert (counters.ok, counters.checked) == (2 * MAX_WHOLE_RESPONSES, MAX_WHOLE_RESPONSES)
    assert counters.bytes == 2 * MAX_WHOLE_RESPONSES * (len(head.raw) + 3)
    assert head.hits == 0


def almost_full() -> ResponseCache:
    """With heads that are never served, so that few more make it full."""
    known = ResponseCache()
    for number in range(MAX_HEADS - SPARE):
        known.add_head(FILLERS[number], [])
    return known


FILLERS = [parse_head(head_of(200, "Content-Length: 0", f"X-Filler: {number}"), "GET") for number in range(MAX_HEADS)]
