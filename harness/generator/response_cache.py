"""A cache of responses by their exact bytes, so that the loop need not parse what it has parsed before.

Why equal bytes may be treated as equal responses: see :mod:`harness.generator.exchange`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from harness.generator.framing import Head

MAX_HEADS: Final = 4096
MAX_WHOLE_RESPONSES: Final = 256


class ResponseCache:
    """A cache of heads by their bytes, and of whole small responses, body included, by theirs.

    Both are bounded, so that a server with something new in every response costs time, not memory. The caller has to
    collect the hits of what is removed.
    """

    def __init__(self) -> None:
        self.heads: dict[bytes, Head] = {}
        self.whole_responses: dict[bytes, Head] = {}

    def __iter__(self) -> Iterator[Head]:
        """Yield every head that may have hits."""
        yield from self.heads.values()
        yield from self.whole_responses.values()

    def add_head(self, head: Head, in_flight: Iterable[Head]) -> list[Head]:
        """Add a head that is not in the cache.

        If the cache is full, all heads but those ``in_flight`` are removed. Return the heads that it held until then,
        whose hits are to be collected.
        """
        forgotten: list[Head] = []
        if len(self.heads) >= MAX_HEADS:
            kept = {head.raw: head for head in in_flight}
            forgotten = list(self.heads.values())
            self.heads.clear()
            self.heads.update(kept)
        self.heads[head.raw] = head
        return forgotten

    def add_whole_response(self, data: bytes, head: Head, checked: bool) -> None:
        """Add a complete small response that begins with ``head``, if there is room.

        ``checked`` says that its body was compared with the expected one.
        """
        if len(self.whole_responses) < MAX_WHOLE_RESPONSES:
            self.whole_responses.setdefault(data, replace(head, total_bytes=len(data), hits=0, checked=checked))

    def forget_whole_responses(self) -> None:
        """Remove all whole responses: one with a Date header is never seen again a second later.

        The caller has collected their hits, and no response is being served.
        """
        self.whole_responses.clear()
