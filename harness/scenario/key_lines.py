"""The line of a scenario file on which a key stands, which the TOML parser does not report."""

import tomllib
from collections.abc import Container, Sequence
from typing import Any, Final

MAX_LINE_LENGTH: Final = 1000  # characters: nobody writes longer lines, and the parser takes seconds for a long key
MAX_VALUE_LINES: Final = 100  # of one value


class KeyLines:
    """The lines of a file's keys, except for ``overridden`` keys (dotted), which are not from the file.

    The lines above any line are a valid TOML file too, unless a value extends over that line. The shortest of these
    files that has a key ends with that key. A binary search finds it by parsing the file a few times.
    """

    def __init__(self, text: str, overridden: Container[str] = ()) -> None:
        self._lines = [f"{line}\n" for line in text.split("\n")]
        self._overridden = overridden
        self._is_readable = all(len(line) <= MAX_LINE_LENGTH + 1 for line in self._lines)

    def find(self, location: tuple[int | str, ...]) -> int | None:
        """Return the line, from 1, on which the key at this location begins. Where the file does not have it, that is
        the line of the nearest table around it; None where the file has none of them."""
        names = [part for part in location if part != "[key]"]
        if not self._is_readable or self._is_overridden(names):
            return None
        while names and value_at(self._tables(len(self._lines)), names) is None:
            names.pop()
        return self._begin_of(names) if names else None

    def _is_overridden(self, names: Sequence[int | str]) -> bool:
        """Check whether the key, or what it is a part of, is not from the file."""
        beginnings = (names[:number] for number in range(1, len(names) + 1))
        return any(".".join(map(str, each)) in self._overridden for each in beginnings)

    def _begin_of(self, names: list[int | str]) -> int | None:
        """Return the line after the longest beginning of the file that is valid and does not have the key; None where a
        value extends over too many lines."""
        without, having = 0, len(self._lines)
        while having - without > 1:
            middle = (without + having) // 2
            ends = range(middle, min(having, middle + MAX_VALUE_LINES))
            end = next((each for each in ends if self._tables(each) is not None), ends.stop)
            if end == ends.stop < having:
                return None
            if end == having or value_at(self._tables(end), names) is not None:
                having = middle
            else:
                without = end
        return without + 1

    def _tables(self, number_of_lines: int) -> dict[str, Any] | None:
        try:
            return tomllib.loads("".join(self._lines[:number_of_lines]))
        except (ValueError, RecursionError):
            return None


def value_at(tables: object, location: Sequence[int | str]) -> object:
    """Return what stands at a location of the tables; None where there is nothing."""
    for name in location:
        match tables, name:
            case list(), int() if 0 <= name < len(tables):
                tables = tables[name]
            case dict(), str() if name in tables:
                tables = tables[name]
            case _:
                return None
    return tables
