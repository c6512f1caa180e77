"""The books of one loop: what became of each request and how long it took, over the window that is open."""

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
    """Tally, window and known responses, which belong together: hits on known responses are counts not yet made."""

    def __init__(self, load: Load) -> None:
        self._expect = load.expect
        self._body_check = BodyCheck(load.expect)
        self.known = ResponseCache()
        self.groups = [Group() for _ in range(load.threads)]
        # Of one kind there is nothing to tell apart.
        self.kinds = [Kind() for _ in load.kinds] if len(load.kinds) > 1 else []
        self.tally = Counters(load.expect)
        self.window = Window(self.groups, 0, 0.0, self.kinds)
        # Where one method's answers have no body, a head alone does not tell where the response ends.
        methods = {request.method == "HEAD" for request in load.requests}
        self._learns_wholes = load.keepalive and len(methods) == 1
        self._learns_heads = self._learns_wholes and not (self._body_check.is_needed and load.expect.every)

    def open_window(self, in_flight: int, now_ns: int, duration_s: float) -> None:
        """Forget what was counted so far; the requests in flight are the first of the new window."""
        self.tally.collect(self.known)
        self.tally = Counters(self._expect, started=in_flight)
        self.window = Window(self.groups, now_ns, duration_s, self.kinds)

    def end_second(self, now_ns: int) -> PartSecond:
        """Close the current row of the window's series."""
        self.tally.collect(self.known)
        self.known.forget_wholes()
        return self.window.end_second(now_ns, self.tally.errors().total)

    @property
    def compares_wholes(self) -> bool:
        """Whether a response that comes all at once, and is not known byte for byte, is to be looked at."""
        return self._body_check.is_needed

    @property
    def to_check(self) -> int:
        """Good responses whose body could be compared with the expected one; none without an expectation."""
        return self.tally.with_body if self._body_check.is_needed else 0

    def checking_reader(self, method: str) -> ResponseReader:
        """A reader for a response whose body is to be compared with the expected one, if there is one."""
        return self._body_check.reader(method)

    def reader(self, method: str) -> ResponseReader:
        """A reader for any other response that must be followed: its body is compared where it comes all at once, or
        where every body is."""
        return self._body_check.reader(method, only_whole=not self._expect.every)

    def knows(self, head: Head, connections: list[Connection]) -> Head | None:
        """The one copy of this head on which all responses that begin with it are counted; None if not to be kept."""
        if not (self._learns_heads and head.tells_all):
            return None
        known = self.known.heads.get(head.raw)
        if known is None:
            in_flight = (connection.head for connection in connections if connection.left > 0)
            self.tally.collect(self.known.add_head(head, in_flight))
            head.is_good = self.tally.is_good(head)
            known = head
        return known

    def served(self, connection: Connection, reader: ResponseReader, head: Head, data: bytes, now_ns: int) -> None:
        """Count a complete response that was followed by ``reader``; ``data`` are its last bytes."""
        self.record(connection, now_ns)
        has_body = head.body_kind is not BodyKind.NONE  # which HEAD, 204 and 304 never have
        compares = reader.sees_body and has_body and self._expect.has_good(head.status)
        good = not (compares and not self._body_check.is_right(reader))
        if has_body and self._expect.body_bytes not in (None, reader.body_bytes):
            good = False
        self.tally.serve(head, reader.received_bytes, body_is_bad=not good)
        head.is_good = self.tally.is_good(head)
        self.note(connection, now_ns, good and head.is_good)
        self.tally.checked += compares
        is_whole = reader.received_bytes == len(data) and head.keep_alive and head.body_kind is not BodyKind.UNTIL_CLOSE
        if self._learns_wholes and good and is_whole:
            self.known.add_whole(data, head, compares)

    def timed_out(self, connection: Connection, now_ns: int) -> None:
        """Count the request on the connection, and keep how long it has waited as a latency of at least that."""
        self.tally.timed_out += 1
        self.window.overdue.append(now_ns - connection.due_ns)
        if connection.has_request:
            if self.kinds:
                kind = self.kinds[connection.request.kind]
                kind.waits_ns.append(now_ns - connection.due_ns)
                kind.timed_out += 1
            self.window.overdue_service.append(now_ns - max(connection.sent_ns, connection.due_ns))

    def failed(self, connection: Connection) -> None:
        """Note that the request on the connection, which the tally has counted, failed for another reason than time."""
        if self.kinds:
            self.kinds[connection.request.kind].failed += 1

    def note(self, connection: Connection, now_ns: int, is_good: bool) -> None:
        """Note by its kind that the request on the connection got a whole response. The quick path of a closed loop
        does the same in place."""
        if self.kinds:
            kind = self.kinds[connection.request.kind]
            kind.waits_ns.append(now_ns - connection.due_ns)
            kind.bad += not is_good

    def record(self, connection: Connection, now_ns: int) -> None:
        """Record how long the request on the connection took, which has got its whole response."""
        if connection.sent_ns > connection.due_ns:
            connection.group.response.append(now_ns - connection.due_ns)
            connection.group.service.append(now_ns - connection.sent_ns)
        else:
            connection.record(now_ns - connection.due_ns)
