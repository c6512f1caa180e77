"""The trials that do not count, as far as a document has room for them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from harness.record import TrialRecord

MAX_CHARACTERS: Final = 200_000  # of the whole list, whatever was written into the records
A_LINE: Final = 20  # characters around each text


class Unsound(NamedTuple):
    """The trials to list, and the number of those left out."""

    listed: list[TrialRecord]
    more: int


def select_unsound(records: Sequence[TrialRecord]) -> Unsound:
    """Return as many of the records as there is room for, in their order."""
    listed, room = list[TrialRecord](), MAX_CHARACTERS
    for record in records:
        if (length := _length(record)) <= room:
            listed.append(record)
            room -= length
    return Unsound(listed, len(records) - len(listed))


def _length(record: TrialRecord) -> int:
    return sum(A_LINE + len(text) for text in (record.trial, record.reason or "", *record.log_tail))
