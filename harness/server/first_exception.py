"""The first uncaught exception in a log, and the place where it was raised.

It is recognised by the forms in which Python, Node.js, Java, .NET, Ruby, Go and Rust write one.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from typing import Final

BEFORE_PLACE: Final = 10  # the most lines between an exception and its first place

_PYTHON: Final = re.compile(r"\s*Traceback \(most recent call last\):$")
_PYTHON_PLACE: Final = re.compile(r'\s+File ".+", line \d+')
_NAMED: Final = re.compile(r"(?<![\w.$])(?:[\w$]+\.)*[\w$]*(?:Error|Exception)\b(?=$|:| \[)")  # Node.js, Java, .NET
_NAMED_PLACE: Final = re.compile(r"\s+at \S")
_RUBY: Final = re.compile(r"\S.*:\d+:in .+\((?:\w+::)*[A-Z]\w*\)$")  # the line itself names the place
_GO: Final = re.compile(r"panic: |fatal error: ")
_GO_PLACE: Final = re.compile(r"\s+\S+\.go:\d+")
_RUST: Final = re.compile(r"thread '.*' (?:\(\d+\) )?panicked at ")
_OWN: Final = re.compile(r"node:|\(node:|/runtime/|internal/modules/")  # places of the language itself


# What a server writes when its client has gone, as the generator does when a trial fails for another reason.
_OF_CLIENT: Final = re.compile(
    r"ConnectionResetError|ConnectionAbortedError|BrokenPipeError|ECONNRESET|EPIPE|ClientDisconnect"
)


def find_first_exception(lines: Sequence[str]) -> list[str]:
    """Return the lines of the first exception and of its place; none if there is no exception but those of clients that
    have gone."""
    for index, line in enumerate(lines):
        for is_one, read in _FORMS:
            if is_one(line) and (found := read(lines[index:])) and not any(map(_OF_CLIENT.search, found)):
                return found
    return []


def _read_python(lines: Sequence[str]) -> list[str]:
    """Return the innermost place and the exception: the first line after the places that is not indented deeper."""
    depth = _indentation(lines[0])
    inner = list(takewhile(lambda line: not line.strip() or _indentation(line) > depth, lines[1:]))
    places = [line for line in inner if _PYTHON_PLACE.match(line)]
    return [*places[-1:], *lines[len(inner) + 1 : len(inner) + 2]]


def _read_named(lines: Sequence[str]) -> list[str]:
    return _read_with_place(lines, _NAMED_PLACE)


def _read_go(lines: Sequence[str]) -> list[str]:
    return _read_with_place(lines, _GO_PLACE, between=2 * BEFORE_PLACE)


def _read_ruby(lines: Sequence[str]) -> list[str]:
    return list(lines[:1])


def _read_rust(lines: Sequence[str]) -> list[str]:
    return list(lines[:2])


def _read_with_place(lines: Sequence[str], place: re.Pattern[str], between: int = BEFORE_PLACE) -> list[str]:
    """Return the first line and the first place in the program's own code, or else any place; none without one."""
    places = list(_iter_places(lines[1:], place, between))
    own = [line for line in places if not _OWN.search(line)]
    return [lines[0], *(own or places)[:1]] if places else []


def _iter_places(lines: Sequence[str], place: re.Pattern[str], between: int) -> Iterator[str]:
    """Yield the lines that name a place, until more than ``between`` other lines follow each other."""
    since = 0
    for line in lines:
        if place.match(line):
            since = 0
            yield line
        elif (since := since + 1) > between:
            return


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


_FORMS: Final[Sequence[tuple[Callable[[str], object], Callable[[Sequence[str]], list[str]]]]] = (
    (_PYTHON.match, _read_python),
    (_RUBY.match, _read_ruby),
    (_GO.match, _read_go),
    (_RUST.match, _read_rust),
    (_NAMED.search, _read_named),
)
