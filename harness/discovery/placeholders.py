"""Where a command and its environment name the port, a Unix socket or the number of workers: there a scenario leaves
them open."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Final

from harness.scenario.topology import LOOPBACK

TAKES_WORKERS: Final = {"gunicorn", "uvicorn", "hypercorn", "granian"}

_WORKERS: Final = re.compile(r"(?P<option>--workers=|-w=?)(?P<number>\d+)", re.ASCII)
_OPTION: Final = re.compile(r"(?P<option>[^=]+)=|(?P<letter>-[A-Za-z])(?=\d)", re.ASCII)
_SPEAKS_OF_A_PORT: Final = re.compile(r"(?<![a-z])port(?![a-z])|Port(?![a-z])|PORT|bind|listen|addr|^-[pbl]$")


def with_workers(command: Sequence[str]) -> tuple[list[str], int | None]:
    """The command with the number of its workers left open, and that number; None where no option gives one that is
    known to."""
    words = list(command)
    if TAKES_WORKERS.isdisjoint(PurePath(word).name for word in words):
        return words, None
    for at, word in enumerate(words):
        follows = at > 0 and words[at - 1] in ("-w", "--workers")
        match = re.fullmatch(r"(?P<option>)(?P<number>\d+)", word, re.ASCII) if follows else _WORKERS.fullmatch(word)
        if match:
            words[at] = match["option"] + "{workers}"
            return words, int(match["number"])
    return words, None


def with_port(command: Sequence[str], env: Mapping[str, str], port: int) -> tuple[list[str], dict[str, str]]:
    """Both with the port left open wherever it follows a colon, or an option or variable that speaks of a port.

    Where none does, in the one place where the number stands; where there are several, it is anybody's guess which of
    them is meant, and both stay as they are.
    """
    named = [*zip(["", *command[:-1]], command, strict=True), *env.items()]
    before = [text for _, text in named]
    after = [_opened(text, _certain(option, text, port)) for option, text in named]
    if after == before and sum(len(_anywhere(port).findall(text)) for text in before) == 1:
        after = [_opened(text, _anywhere(port)) for text in before]
    return after[: len(command)], dict(zip(env, after[len(command) :], strict=True))


def with_unix_socket(command: Sequence[str], env: Mapping[str, str], path: str) -> tuple[list[str], dict[str, str]]:
    """Return both with the Unix socket left open wherever its path is named, as a whole or from the working folder."""
    relative = rf"(?<![\w./-])(?:\./)?{re.escape(os.path.relpath(path))}"
    place = re.compile(rf"(?:(?<![\w.-]){re.escape(path)}|{relative})(?![\w./-])")
    words = [place.sub("{unix_socket}", word) for word in command]
    return words, {name: place.sub("{unix_socket}", value) for name, value in env.items()}


def _opened(text: str, place: re.Pattern[str]) -> str:
    return place.sub(lambda match: "{host}:{port}" if match["host"] else "{port}", text)


def _certain(option: str, text: str, port: int) -> re.Pattern[str]:
    """Where the text must mean the port. ``option`` is the word before it, or the name of the variable."""
    own = _OPTION.match(text)
    options = [option, *(own.groupdict(default="").values() if own else ())]
    return _anywhere(port) if any(map(_SPEAKS_OF_A_PORT.search, options)) else _place(r"(?<=:)", port)


def _anywhere(port: int) -> re.Pattern[str]:
    """Where the number stands by itself, or behind the letter of an option, as in ``-p8000``."""
    return _place(r"(?:(?<![\w.-])|(?<=^-[A-Za-z]))", port)


def _place(before: str, port: int) -> re.Pattern[str]:
    """The port, along with the host in front of it where that is the one on which scenarios run."""
    return re.compile(rf"(?P<host>(?<![\w.-]){re.escape(LOOPBACK)}:)?{before}{port}(?![\w.-])")
