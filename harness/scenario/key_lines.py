"""On which line of a scenario file a key stands, which the reader of TOML does not tell."""

import tomllib
from collections.abc import Container
from typing import Any, Final

LONGEST_LINE: Final = 1000  # characters: nobody writes longer ones, and a key of many parts is read for seconds
MOST_LINES: Final = 100  # of one value


class KeyLines:
    """Finds keys in the text of a file, but for those that are ``overridden``, by dotted key: they are from elsewhere.

    What stands above a line is a file too, where no value goes on over that line; the first of these files that has a
    key ends with it. So a few readings find it.
    """

    def __init__(self, text: str, overridden: Container[str] = ()) -> None:
        self._lines = [f"{line}\n" for line in text.split("\n")]
        self._overridden = overridden
        self._is_readable = all(len(line) <= LONGEST_LINE + 1 for line in self._lines)

    def find(self, location: tuple[int | str, ...]) -> int | None:
        """Return the line, from 1, on which the key at this location begins, or else the last on the way to it that
        there is; None where none of them is in the file."""
        names = [part for part in location if part != "[key]"]
        if not self._is_readable or ".".join(str(name) for name in names) in self._overridden:
            return None
        while names and not _has(self._tables(len(self._lines)), names):
            names.pop()
        return self._begin_of(names) if names else None

    def _begin_of(self, names: list[int | str]) -> int | None:
        """The line behind the longest beginning of the file that can be read and does not have the key; None where a
        value goes on and on."""
        without, having = 0, len(self._lines)
        while having - without > 1:
            middle = (without + having) // 2
            ends = range(middle, min(having, middle + MOST_LINES))
            end = next((each for each in ends if self._tables(each) is not None), ends.stop)
            if end == ends.stop < having:
                return None
            if end == having or _has(self._tables(end), names):
                having = middle
            else:
                without = end
        return without + 1

    def _tables(self, number_of_lines: int) -> dict[str, Any] | None:
        try:
            return tomllib.loads("".join(self._lines[:number_of_lines]))
        except (ValueError, RecursionError):
            return None


def _has(tables: object, names: list[int | str]) -> bool:
    for name in names:
        match tables, name:
            case list(), int() if name < len(tables):
                tables = tables[name]
            case dict(), str() if name in tables:
                tables = tables[name]
            case _:
                return False
    return True
