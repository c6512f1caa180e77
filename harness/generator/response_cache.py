"""Responses known by their exact bytes, so that the loop need not parse what it has seen before."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from harness.generator.framing import Head

MOST_HEADS: Final = 4096
MOST_WHOLES: Final = 256


class ResponseCache:
    """Heads by their bytes, and small responses, body and all, by theirs.

    Both are bounded, so that a server with something new in every response costs time, not memory. The caller
    collects the hits of what is forgotten.
    """

    def __init__(self) -> None:
        self.heads: dict[bytes, Head] = {}
        self.wholes: dict[bytes, Head] = {}

    def __iter__(self) -> Iterator[Head]:
        """Every head that may have been hit."""
        yield from self.heads.values()
        yield from self.wholes.values()

    def add_head(self, head: Head, in_flight: Iterable[Head]) -> list[Head]:
        """Remember a head that is not known yet; those ``in_flight`` are never forgotten. Returns the forgotten."""
        forgotten: list[Head] = []
        if len(self.heads) >= MOST_HEADS:
            kept = {head.raw: head for head in in_flight}
            forgotten = list(self.heads.values())
            self.heads.clear()
            self.heads.update(kept)
        self.heads[head.raw] = head
        return forgotten

    def add_whole(self, data: bytes, head: Head, checked: bool) -> None:
        """Remember a complete small response that begins with ``head``, if there is room."""
        if len(self.wholes) < MOST_WHOLES:
            self.wholes.setdefault(data, replace(head, total_bytes=len(data), hits=0, checked=checked))

    def forget_wholes(self) -> None:
        """Make room: a response with the time in it is of no use a second later. The caller has collected the hits,
        and no response is being served."""
        self.wholes.clear()
