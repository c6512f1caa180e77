"""The trials that a page has room for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from typing import Final

from markupsafe import Markup

from harness.report.html.trials import TrialRow

MIN_BYTES: Final = 300  # less room than this is none


@dataclass(frozen=True)
class ListedTrials:
    """Trials as HTML, in the order in which they were made.

    ``brief`` of them are a row and the reason alone; for ``absent`` there was no room at all.
    """

    trials: list[Markup]
    brief: int
    absent: int


def fit_trials(trials: Iterable[TrialRow], html: Callable[[TrialRow, bool], Markup], room_bytes: int) -> ListedTrials:
    """Return as much as there is room for, of the failed and invalid trials first: a row of each, then all of each.

    ``html`` gives a trial in brief or, when its second argument is true, as a whole.
    """
    every = {row.record.trial: row for row in trials}
    sound = {name: row for name, row in every.items() if row.record.status == "ok"}
    unsound = {name: row for name, row in every.items() if name not in sound}
    listed: dict[str, Markup] = {}
    whole: set[str] = set()
    for group, is_whole in product((unsound, sound), (False, True)):
        for name, row in group.items():
            if room_bytes < MIN_BYTES or (is_whole and name not in listed):
                break
            text = html(row, is_whole)
            more_bytes = _size(text) - _size(listed.get(name, ""))
            if more_bytes > room_bytes:
                break  # and not one of thousands is tried that would not fit either
            listed[name] = text
            room_bytes -= more_bytes
            if is_whole:
                whole.add(name)
    return ListedTrials(
        [listed[name] for name in every if name in listed], len(listed) - len(whole), len(every) - len(listed)
    )


def _size(html: str) -> int:
    return len(html.encode())
