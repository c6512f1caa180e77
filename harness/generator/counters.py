"""Counters of requests by how they ended: every request that was started ends in exactly one of them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from harness.generator.framing import BodyKind, Head
from harness.load.result import Errors
from harness.load.spec import Expectation

MAX_WORKERS: Final = 1024  # by name, so that a server with a new one in every response does not exhaust the memory
MAX_REASONS: Final = 16
OTHERS: Final = "others"


@dataclass(slots=True)
class Counters:
    """The counts of one window. ``started`` is counted when requests begin, the others when they end."""

    expect: Expectation
    started: int = 0
    reconnected: int = 0  # of those started
    ok: int = 0
    bad_status: int = 0
    bad_body: int = 0
    connect: int = 0
    read: int = 0
    write: int = 0
    stale: int = 0
    timed_out: int = 0
    with_body: int = 0  # of those with a complete response of a good status
    checked: int = 0  # of those
    bytes: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    workers: Counter[str] = field(default_factory=Counter)
    protocol: Counter[str] = field(default_factory=Counter)  # by what was wrong

    def count_responses(self, head: Head, size_bytes: int, times: int = 1, body_is_bad: bool = False) -> None:
        """Count ``times`` complete responses with this head, ``size_bytes`` in all."""
        if not self.expect.accepts_status(head.status):
            self.bad_status += times
        elif body_is_bad:
            self.bad_body += times
        else:
            self.ok += times
        if head.body_kind is not BodyKind.NONE and self.expect.accepts_status(head.status):
            self.with_body += times
        self.bytes += size_bytes
        self.statuses[head.status] += times
        if head.worker:
            self.workers[_choose_name(head.worker, self.workers, MAX_WORKERS)] += times

    def collect_hits(self, heads: Iterable[Head]) -> None:
        """Count the hits that the quick path left on these heads, and set them to 0."""
        for head in heads:
            if head.hits:
                self.count_responses(head, head.total_bytes * head.hits, head.hits, self._has_wrong_length(head))
                self.checked += head.hits if head.checked else 0
                head.hits = 0

    def is_good(self, head: Head) -> bool:
        """Check whether the responses with this head are good, as far as the head says."""
        return self.expect.accepts_status(head.status) and not self._has_wrong_length(head)

    def count_protocol_error(self, reason: str) -> None:
        """Count a response that is not HTTP/1.1, for this reason."""
        self.protocol[_choose_name(reason, self.protocol, MAX_REASONS)] += 1

    @property
    def complete_responses(self) -> int:
        """The number of requests that got a complete response in time, good or bad."""
        return self.ok + self.bad_status + self.bad_body

    def errors(self) -> Errors:
        """Return the counts of errors, under the names of the result."""
        return Errors(
            connect=self.connect,
            read=self.read,
            write=self.write,
            stale=self.stale,
            timeout=self.timed_out,
            status=self.bad_status,
            body=self.bad_body,
            protocol=self.protocol.total(),
        )

    def _has_wrong_length(self, head: Head) -> bool:
        expected = self.expect.body_bytes
        return expected is not None and head.body_kind is BodyKind.LENGTH and head.body_bytes != expected


def _choose_name(name: str, counts: Counter[str], most: int) -> str:
    """Return the name under which to count: ``name``, or OTHERS if it is new and ``most`` names are counted already."""
    return name if name in counts or len(counts) < most else OTHERS
