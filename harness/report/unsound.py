"""The trials that do not count, as far as a document has room for them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from harness.record import TrialRecord

MOST_CHARACTERS: Final = 200_000  # of all that is told of them, whatever was written into their records
A_LINE: Final = 20  # characters around what is told


class Unsound(NamedTuple):
    """Trials to be listed, and how many more there are."""

    listed: list[TrialRecord]
    more: int


def with_room(records: Sequence[TrialRecord]) -> Unsound:
    """Return all of them for which there is room, in their order."""
    listed, room = list[TrialRecord](), MOST_CHARACTERS
    for record in records:
        if (length := _length(record)) <= room:
            listed.append(record)
            room -= length
    return Unsound(listed, len(records) - len(listed))


def _length(record: TrialRecord) -> int:
    return sum(A_LINE + len(text) for text in (record.trial, record.reason or "", *record.log_tail))
