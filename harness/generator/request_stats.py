"""The statistics of one loop: how each request ended and how long it took, over the current window."""

from harness.generator.bodies import BodyCheck
from harness.generator.connection import Connection
from harness.generator.counters import Counters
from harness.generator.framing import BodyKind, Head, ResponseReader
from harness.generator.kind import Kind
from harness.generator.messages import PartSecond
from harness.generator.response_cache import ResponseCache
from harness.generator.window import Group, Window
from harness.load.spec import Load


class RequestStats:
    """The counters, the window and the response cache of a loop.

    They belong together: a hit on a cached response is a response that the counters have not counted yet.
    """

    def __init__(self, load: Load) -> None:
        self._expect = load.expect
        self._body_check = BodyCheck(load.expect)
        self.response_cache = ResponseCache()
        self.groups = [Group() for _ in range(load.threads)]
        # A single kind needs no figures of its own.
        self.kinds = [Kind() for _ in load.kinds] if len(load.kinds) > 1 else []
        self.counters = Counters(load.expect)
        self.window = Window(self.groups, 0, 0.0, self.kinds)
        # Responses to HEAD have no body. Mixed with other methods, a head does not say where its response ends.
        methods = {request.method == "HEAD" for request in load.requests}
        self._caches_whole_responses = load.keepalive and len(methods) == 1
        self._caches_heads = self._caches_whole_responses and not (self._body_check.is_needed and load.expect.every)

    def open_window(self, in_flight: int, now_ns: int, duration_s: float) -> None:
        """Discard what was counted so far. The requests in flight are the first of the new window."""
        self.counters.collect_hits(self.response_cache)
        self.counters = Counters(self._expect, started=in_flight)
        self.window = Window(self.groups, now_ns, duration_s, self.kinds)

    def count_answered(self) -> int:
        """Return the number of requests that got a complete response since the window opened."""
        self.counters.collect_hits(self.response_cache)
        return self.counters.complete_responses

    def end_second(self, now_ns: int) -> PartSecond:
        """Close the current row of the window's series."""
        self.counters.collect_hits(self.response_cache)
        self.response_cache.forget_whole_responses()
        return self.window.end_second(now_ns, self.counters.errors().total)

    @property
    def compares_whole_responses(self) -> bool:
        """True if a response that comes all at once and is not in the cache has its body checked."""
        return self._body_check.is_needed

    @property
    def to_check(self) -> int:
        """The number of good responses with a body, if a body is expected; otherwise 0."""
        return self.counters.with_body if self._body_check.is_needed else 0

    def new_checking_reader(self, method: str) -> ResponseReader:
        """Return a reader for a response whose body is to be checked, if a body is expected."""
        return self._body_check.new_reader(method)

    def new_reader(self, method: str) -> ResponseReader:
        """Return a reader for any other response that must be followed.

        Its body is checked if it comes all at once, or if every body is checked.
        """
        return self._body_check.new_reader(method, only_whole=not self._expect.every)

    def intern_head(self, head: Head, connections: list[Connection]) -> Head | None:
        """Return the cached copy of this head, on which all responses that begin with it are counted.

        It is added if it is new. None if responses with this head can't be recognised by it.
        """
        if not (self._caches_heads and head.is_self_delimiting):
            return None
        cached = self.response_cache.heads.get(head.raw)
        if cached is None:
            in_flight = (connection.head for connection in connections if connection.state > 0)
            self.counters.collect_hits(self.response_cache.add_head(head, in_flight))
            head.is_good = self.counters.is_good(head)
            cached = head
        return cached

    def count_response(
        self, connection: Connection, reader: ResponseReader, head: Head, data: bytes, now_ns: int
    ) -> None:
        """Count a complete response that was followed by ``reader``. ``data`` has its last bytes."""
        self.record_times(connection, now_ns)
        has_body = head.body_kind is not BodyKind.NONE  # responses to HEAD, 204 and 304 have none
        compares = reader.inspects_body and has_body and self._expect.accepts_status(head.status)
        good = not (compares and not self._body_check.is_right(reader))
        if has_body and self._expect.body_bytes not in (None, reader.body_bytes):
            good = False
        self.counters.count_responses(head, reader.received_bytes, body_is_bad=not good)
        head.is_good = self.counters.is_good(head)
        self.record_kind(connection, now_ns, good and head.is_good)
        self.counters.checked += compares
        is_whole = reader.received_bytes == len(data) and head.keep_alive and head.body_kind is not BodyKind.UNTIL_CLOSE
        if self._caches_whole_responses and good and is_whole:
            self.response_cache.add_whole_response(data, head, compares)

    def count_timeout(self, connection: Connection, now_ns: int) -> None:
        """Count the request on the connection as timed out, with the time it has waited as its latency."""
        self.counters.timed_out += 1
        self.window.overdue.append(now_ns - connection.due_ns)
        if connection.has_request:
            if self.kinds:
                kind = self.kinds[connection.request.kind]
                kind.waits_ns.append(now_ns - connection.due_ns)
                kind.timed_out += 1
            self.window.overdue_service.append(now_ns - max(connection.sent_ns, connection.due_ns))

    def count_failure(self, connection: Connection) -> None:
        """Count, by its kind, a failed request that did not time out. The counters have it already."""
        if self.kinds:
            self.kinds[connection.request.kind].failed += 1

    def record_kind(self, connection: Connection, now_ns: int, is_good: bool) -> None:
        """Record, by its kind, a request that got a complete response.

        The quick path of a closed loop does the same without calling this.
        """
        if self.kinds:
            kind = self.kinds[connection.request.kind]
            kind.waits_ns.append(now_ns - connection.due_ns)
            kind.bad += not is_good

    def record_times(self, connection: Connection, now_ns: int) -> None:
        """Record how long the request on the connection took until its response was complete."""
        if connection.sent_ns > connection.due_ns:
            connection.group.response.append(now_ns - connection.due_ns)
            connection.group.service.append(now_ns - connection.sent_ns)
        else:
            connection.record(now_ns - connection.due_ns)
