"""The first exception in a log, and where it was raised: by the forms in which Python, Node.js, Java, Ruby, Go and Rust
write what nobody caught."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from typing import Final

BEFORE_PLACE: Final = 10  # lines, at most, between an exception and the first place that it names

_PYTHON: Final = re.compile(r"\s*Traceback \(most recent call last\):$")
_PYTHON_PLACE: Final = re.compile(r'\s+File ".+", line \d+')
_NAMED: Final = re.compile(r"(?<![\w.$])(?:[\w$]+\.)*[\w$]*(?:Error|Exception)\b(?=$|:| \[)")  # Node.js, Java, .NET
_NAMED_PLACE: Final = re.compile(r"\s+at \S")
_RUBY: Final = re.compile(r"\S.*:\d+:in .+\((?:\w+::)*[A-Z]\w*\)$")  # which names its place itself
_GO: Final = re.compile(r"panic: |fatal error: ")
_GO_PLACE: Final = re.compile(r"\s+\S+\.go:\d+")
_RUST: Final = re.compile(r"thread '.*' (?:\(\d+\) )?panicked at ")
_OWN: Final = re.compile(r"node:|\(node:|/runtime/|internal/modules/")  # places of the language itself


def first_exception(lines: Sequence[str]) -> list[str]:
    """Return the exception that comes first, with where it was raised; nothing when there is none."""
    for index, line in enumerate(lines):
        for is_one, read in _FORMS:
            if is_one(line) and (found := read(lines[index:])):
                return found
    return []


def _python(lines: Sequence[str]) -> list[str]:
    """The innermost place, and the first line after all places that is not deeper than the first line."""
    depth = _depth(lines[0])
    inner = list(takewhile(lambda line: not line.strip() or _depth(line) > depth, lines[1:]))
    places = [line for line in inner if _PYTHON_PLACE.match(line)]
    return [*places[-1:], *lines[len(inner) + 1 : len(inner) + 2]]


def _named(lines: Sequence[str]) -> list[str]:
    return _with_place(lines, _NAMED_PLACE)


def _go(lines: Sequence[str]) -> list[str]:
    return _with_place(lines, _GO_PLACE, between=2 * BEFORE_PLACE)


def _ruby(lines: Sequence[str]) -> list[str]:
    return list(lines[:1])


def _rust(lines: Sequence[str]) -> list[str]:
    return list(lines[:2])


def _with_place(lines: Sequence[str], place: re.Pattern[str], between: int = BEFORE_PLACE) -> list[str]:
    """The first line, with the first place that is the program's own, or else the first; nothing without any."""
    places = list(_first_places(lines[1:], place, between))
    own = [line for line in places if not _OWN.search(line)]
    return [lines[0], *(own or places)[:1]] if places else []


def _first_places(lines: Sequence[str], place: re.Pattern[str], between: int) -> Iterator[str]:
    """The places that follow each other, with no more lines than that before one."""
    since = 0
    for line in lines:
        if place.match(line):
            since = 0
            yield line
        elif (since := since + 1) > between:
            return


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


_FORMS: Final[Sequence[tuple[Callable[[str], object], Callable[[Sequence[str]], list[str]]]]] = (
    (_PYTHON.match, _python),
    (_RUBY.match, _ruby),
    (_GO.match, _go),
    (_RUST.match, _rust),
    (_NAMED.search, _named),
)
